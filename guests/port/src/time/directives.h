/* What strftime and wcsftime have in common: a directive, which is plain ASCII whatever
 * the text around it is. */
#ifndef BELLGLASS_DIRECTIVES_H
#define BELLGLASS_DIRECTIVES_H
#include <features.h>
#include <locale.h>
#include <stddef.h>
#include <time.h>

/* The longest directive that is one. */
#define LONGEST_DIRECTIVE 32

struct directive {
  char padding; /* '_', '-', '0', or 0: as the conversion has it */
  char sign;    /* '+', or 0 */
  char upper, swapped;
  char modifier; /* 'E', 'O', or 0 */
  char conversion;
  size_t width;
};

/* Reads what follows a '%'. Gives its length, or 0 if it is none. */
hidden size_t __read_directive(const char *text, struct directive *directive);

/* Writes what a directive stands for, if it has room, and gives the length; SIZE_MAX
 * if it stands for nothing. */
hidden size_t __write_directive(char *to, size_t size, const struct directive *directive, const struct tm *time,
                                locale_t locale);

/* The same for one that stands for nothing: its own text, from the '%' on. */
hidden size_t __write_unknown(char *to, size_t size, const struct directive *directive, const char *text,
                              size_t length);
#endif
