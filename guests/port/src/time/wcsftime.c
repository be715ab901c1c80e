/* See strftime.c. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include "directives.h"

#include "locale_impl.h"

/* Bytes of what a directive stands for, where its width makes it no longer. */
#define USUAL 128

/* The directive at this place, from its '%' on, as plain text too; its length behind
 * the '%' is 0 if there is none. */
static size_t read(const wchar_t *text, char plain[LONGEST_DIRECTIVE + 1], struct directive *directive) {
  size_t length = 0;
  while (length < LONGEST_DIRECTIVE && text[length] > 0 && text[length] < 128) {
    plain[length] = (char)text[length];
    length++;
  }
  plain[length] = 0;
  return __read_directive(plain + 1, directive);
}

/* Writes a directive, and gives its length; `size` if it has no room. */
static size_t write(wchar_t *to, size_t size, const struct directive *directive, const char *plain, size_t length,
                    const struct tm *time, locale_t locale) {
  char usual[USUAL], *bytes = usual;
  size_t room = directive->width + USUAL;
  /* No character is of more than four bytes. */
  if (directive->width > 4 * size || (directive->width && !(bytes = malloc(room))))
    return size;
  size_t count = __write_directive(bytes, room, directive, time, locale);
  if (count == SIZE_MAX)
    count = __write_unknown(bytes, room, directive, plain, length);
  bytes[count < room ? count : room - 1] = 0;
  mbstate_t state = {0};
  const char *from = bytes;
  size_t wide = mbsrtowcs(to, &from, size, &state);
  if (bytes != usual)
    free(bytes);
  return wide == SIZE_MAX || wide > size ? size : wide;
}

size_t __wcsftime_l(wchar_t *restrict to, size_t size, const wchar_t *restrict text, const struct tm *restrict time,
                    locale_t locale) {
  size_t length = 0;
  for (; *text && length < size; text++) {
    char plain[LONGEST_DIRECTIVE + 1];
    struct directive directive;
    size_t own = *text == '%' ? read(text, plain, &directive) : 0;
    if (own) {
      length += write(to + length, size - length, &directive, plain, own + 1, time, locale);
      text += own;
    } else {
      to[length++] = *text;
    }
  }
  if (*text || length >= size)
    return 0;
  to[length] = 0;
  return length;
}

size_t wcsftime(wchar_t *restrict to, size_t size, const wchar_t *restrict text, const struct tm *restrict time) {
  return __wcsftime_l(to, size, text, time, CURRENT_LOCALE);
}

weak_alias(__wcsftime_l, wcsftime_l);
