/* Time as text, as it is written on most Linux systems: musl's own knows fewer
 * directives, pads years, and writes nothing at all for a directive that it does not
 * know, where that stands as it is in the format elsewhere. */
#define _GNU_SOURCE
#include <ctype.h>
#include <langinfo.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "directives.h"

#include "locale_impl.h"

/* Padding never makes a directive longer than this, whatever width it has. */
#define WIDEST ((size_t)1 << 20)

size_t __read_directive(const char *text, struct directive *directive) {
  const char *at = text;
  *directive = (struct directive){0};
  for (;; at++) {
    if (*at == '_' || *at == '-' || *at == '0')
      directive->padding = *at;
    else if (*at == '+')
      directive->sign = '+';
    else if (*at == '^')
      directive->upper = 1;
    else if (*at == '#')
      directive->swapped = 1;
    else
      break;
  }
  for (; *at >= '0' && *at <= '9'; at++)
    if (directive->width < WIDEST)
      directive->width = directive->width * 10 + (size_t)(*at - '0');
  if (*at == 'E' || *at == 'O')
    directive->modifier = *at++;
  directive->conversion = *at;
  return *at ? (size_t)(at - text) + 1 : 0;
}

/* The modifiers that a conversion may have. */
static int may_have(char conversion, char modifier) {
  switch (modifier) {
  case 0:
    return 1;
  case 'E':
    return strchr("%CPRTXYZcnprstuxyz", conversion) != 0;
  default:
    return strchr("%BCGHIMPRSTUVWZbdeghjklmnprstuwyz", conversion) != 0;
  }
}

/* --- what is counted */

static int weekday_of_monday(const struct tm *time) { return (time->tm_wday + 6) % 7; }

static long long year_of(const struct tm *time) { return time->tm_year + 1900LL; }

static int is_leap(long long year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/* The number of weeks before this day, in a year whose first week begins with `first`
 * (0 for the first Monday, and so on); days before are of week 0. */
static int week_of(const struct tm *time, int weekday) { return (time->tm_yday + 7 - weekday) / 7; }

/* The week of ISO 8601, and its year. */
static int iso_week(const struct tm *time, long long *year) {
  int weekday = weekday_of_monday(time);
  *year = year_of(time);
  /* The week is of the year that its Thursday is in. */
  int thursday = time->tm_yday - weekday + 3;
  if (thursday < 0) {
    --*year;
    thursday += 365 + is_leap(*year);
  } else if (thursday >= 365 + is_leap(*year)) {
    thursday -= 365 + is_leap(*year);
    ++*year;
  }
  return thursday / 7 + 1;
}

static long long floor_of(long long number, int divisor) {
  return number / divisor - (number % divisor < 0);
}

/* --- text of it */

struct output {
  char *to;
  size_t size, length;
};

static void put(struct output *output, char byte) {
  if (output->length < output->size)
    output->to[output->length] = byte;
  output->length++;
}

static void repeat(struct output *output, char byte, size_t count) {
  while (count--)
    put(output, byte);
}

static void put_number(struct output *output, const struct directive *d, long long number, int digits, char usual) {
  char text[24], padding = d->padding ? d->padding : usual;
  int length = snprintf(text, sizeof text, "%llu", number < 0 ? -(unsigned long long)number : (unsigned long long)number);
  char sign = number < 0 ? '-' : d->sign && d->width > (size_t)digits ? '+' : 0;
  size_t usual_width = padding == '-' ? 1 : (size_t)digits;
  size_t width = d->width > usual_width ? d->width : usual_width, own = (size_t)length + (sign != 0);
  size_t missing = width > own ? width - own : 0;
  /* Without padding a number is not made longer, but a text of a width is. */
  if (padding != '0')
    repeat(output, ' ', missing);
  if (sign)
    put(output, sign);
  if (padding == '0')
    repeat(output, '0', missing);
  for (int i = 0; i < length; i++)
    put(output, text[i]);
}

static void put_text(struct output *output, const struct directive *d, const char *text, int to_upper, int to_lower) {
  size_t length = strlen(text);
  if (d->width > length)
    repeat(output, d->padding == '0' ? '0' : ' ', d->width - length);
  for (; *text; text++)
    put(output, (char)(to_lower ? tolower((unsigned char)*text) : to_upper ? toupper((unsigned char)*text) : *text));
}

static size_t format(char *to, size_t size, const char *text, const struct tm *time, locale_t locale, int upper);

/* A directive that stands for others. */
static void put_format(struct output *output, const struct directive *d, const char *text, const struct tm *time,
                       locale_t locale) {
  char written[128];
  size_t length = format(written, sizeof written - 1, text, time, locale, d->upper);
  if (length >= sizeof written)
    length = sizeof written - 1;
  written[length] = 0;
  put_text(output, d, written, 0, 0);
}

static const char *name(locale_t locale, nl_item first, int index, int count) {
  return index < 0 || index >= count ? "?" : __nl_langinfo_l(first + index, locale);
}

/* Two names of the locale that are formats, of which an empty one stands for the other. */
static const char *format_name(locale_t locale, nl_item item, nl_item other) {
  const char *text = __nl_langinfo_l(item, locale);
  return *text ? text : __nl_langinfo_l(other, locale);
}

size_t __write_directive(char *to, size_t size, const struct directive *d, const struct tm *time, locale_t locale) {
  struct output all = {to, size, 0}, *output = &all;
  struct tm copy;
  long long year;
  int week, other = d->modifier == 'E';
  if (!may_have(d->conversion, d->modifier))
    return SIZE_MAX;
  switch (d->conversion) {
  case 'a':
    put_text(output, d, name(locale, ABDAY_1, time->tm_wday, 7), d->upper || d->swapped, 0);
    break;
  case 'A':
    put_text(output, d, name(locale, DAY_1, time->tm_wday, 7), d->upper || d->swapped, 0);
    break;
  case 'b':
  case 'h':
    put_text(output, d, name(locale, ABMON_1, time->tm_mon, 12), d->upper || d->swapped, 0);
    break;
  case 'B':
    put_text(output, d, name(locale, MON_1, time->tm_mon, 12), d->upper || d->swapped, 0);
    break;
  case 'c':
    put_format(output, d, format_name(locale, other ? ERA_D_T_FMT : D_T_FMT, D_T_FMT), time, locale);
    break;
  case 'C':
    put_number(output, d, floor_of(year_of(time), 100), 1, '0');
    break;
  case 'd':
    put_number(output, d, time->tm_mday, 2, '0');
    break;
  case 'D':
    put_format(output, d, "%m/%d/%y", time, locale);
    break;
  case 'e':
    put_number(output, d, time->tm_mday, 2, '_');
    break;
  case 'F':
    put_format(output, d, "%Y-%m-%d", time, locale);
    break;
  case 'g':
    iso_week(time, &year);
    put_number(output, d, (year % 100 + 100) % 100, 2, '0');
    break;
  case 'G':
    iso_week(time, &year);
    put_number(output, d, year, 1, '0');
    break;
  case 'H':
    put_number(output, d, time->tm_hour, 2, '0');
    break;
  case 'k':
    put_number(output, d, time->tm_hour, 2, '_');
    break;
  case 'I':
  case 'l':
    put_number(output, d, (time->tm_hour + 11) % 12 + 1, 2, d->conversion == 'I' ? '0' : '_');
    break;
  case 'j':
    put_number(output, d, time->tm_yday + 1LL, 3, '0');
    break;
  case 'm':
    put_number(output, d, time->tm_mon + 1LL, 2, '0');
    break;
  case 'M':
    put_number(output, d, time->tm_min, 2, '0');
    break;
  case 'n':
    put_text(output, d, "\n", 0, 0);
    break;
  case 'p':
  case 'P':
    put_text(output, d, __nl_langinfo_l(time->tm_hour > 11 ? PM_STR : AM_STR, locale), d->upper,
             d->conversion == 'P' || d->swapped);
    break;
  case 'r':
    put_format(output, d, format_name(locale, T_FMT_AMPM, T_FMT), time, locale);
    break;
  case 'R':
    put_format(output, d, "%H:%M", time, locale);
    break;
  case 's':
    copy = *time;
    put_number(output, d, mktime(&copy), 1, '_');
    break;
  case 'S':
    put_number(output, d, time->tm_sec, 2, '0');
    break;
  case 't':
    put_text(output, d, "\t", 0, 0);
    break;
  case 'T':
    put_format(output, d, "%H:%M:%S", time, locale);
    break;
  case 'u':
    put_number(output, d, weekday_of_monday(time) + 1, 1, '0');
    break;
  case 'U':
    put_number(output, d, week_of(time, time->tm_wday), 2, '0');
    break;
  case 'V':
    week = iso_week(time, &year);
    put_number(output, d, week, 2, '0');
    break;
  case 'w':
    put_number(output, d, time->tm_wday, 1, '0');
    break;
  case 'W':
    put_number(output, d, week_of(time, weekday_of_monday(time)), 2, '0');
    break;
  case 'x':
    put_format(output, d, format_name(locale, other ? ERA_D_FMT : D_FMT, D_FMT), time, locale);
    break;
  case 'X':
    put_format(output, d, format_name(locale, other ? ERA_T_FMT : T_FMT, T_FMT), time, locale);
    break;
  case 'y':
    put_number(output, d, (time->tm_year % 100 + 100) % 100, 2, '0');
    break;
  case 'Y':
    put_number(output, d, year_of(time), 1, '0');
    break;
  case 'z':
    if (time->tm_isdst < 0)
      break;
    {
      long minutes = time->__tm_gmtoff / 60, distance = minutes < 0 ? -minutes : minutes;
      struct directive number = *d;
      number.sign = 0;
      put_text(output, d, time->__tm_gmtoff < 0 ? "-" : "+", 0, 0);
      put_number(output, &number, distance / 60 * 100 + distance % 60, 4, '0');
    }
    break;
  case 'Z': {
    const char *zone = time->__tm_zone;
    /* A time that a program has put together has no zone of its own. */
    if ((!zone || !*zone) && time->tm_isdst >= 0) {
      tzset();
      zone = tzname[time->tm_isdst > 0];
    }
    put_text(output, d, zone ? zone : "", d->upper, d->swapped);
    break;
  }
  case '%':
    put_text(output, d, "%", 0, 0);
    break;
  default:
    return SIZE_MAX;
  }
  return output->length;
}

size_t __write_unknown(char *to, size_t size, const struct directive *d, const char *text, size_t length) {
  struct output output = {to, size, 0};
  char copy[LONGEST_DIRECTIVE + 1];
  if (length > LONGEST_DIRECTIVE)
    length = LONGEST_DIRECTIVE;
  memcpy(copy, text, length);
  copy[length] = 0;
  put_text(&output, d, copy, d->upper || (d->swapped && strchr("AbBh", d->conversion)), 0);
  return output.length;
}

static size_t format(char *to, size_t size, const char *text, const struct tm *time, locale_t locale, int upper) {
  size_t length = 0;
  for (; *text && length < size; text++) {
    struct directive directive;
    size_t own = *text == '%' ? __read_directive(text + 1, &directive) : 0, written;
    if (own) {
      directive.upper |= upper != 0;
      written = __write_directive(to + length, size - length, &directive, time, locale);
      if (written == SIZE_MAX)
        written = __write_unknown(to + length, size - length, &directive, text, own + 1);
      length += written;
      text += own;
      continue;
    }
    to[length++] = *text;
  }
  return *text ? size : length;
}

size_t __strftime_l(char *restrict to, size_t size, const char *restrict text, const struct tm *restrict time,
                    locale_t locale) {
  size_t length = format(to, size, text, time, locale, 0);
  if (length >= size)
    return 0;
  to[length] = 0;
  return length;
}

size_t strftime(char *restrict to, size_t size, const char *restrict text, const struct tm *restrict time) {
  return __strftime_l(to, size, text, time, CURRENT_LOCALE);
}

weak_alias(__strftime_l, strftime_l);
