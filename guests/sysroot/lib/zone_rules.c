/* Zones as a text says them: the form that POSIX has for the variable TZ. */
#include "zones.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* No zone is further from Greenwich, and no change of the clock at a later time of
 * its day: a week, as RFC 8536 has it. */
#define OFFSET_HOURS 24
#define CHANGE_HOURS 167

#define DAY 86400

struct kept_name {
  struct kept_name *next;
  char letters[];
};

const char *zone_name(const char *letters, size_t count) {
  static struct kept_name *all;
  for (struct kept_name *one = all; one; one = one->next)
    if (strlen(one->letters) == count && !memcmp(one->letters, letters, count))
      return one->letters;
  struct kept_name *made = malloc(sizeof *made + count + 1);
  if (!made)
    return "";
  memcpy(made->letters, letters, count);
  made->letters[count] = 0;
  made->next = all;
  all = made;
  return made->letters;
}

/* --- reading -------------------------------------------------------------- */

static int read_name(const char **text, const char **name) {
  const char *at = *text, *begin = at;
  size_t count;
  if (*at == '<') {
    begin = ++at;
    while (isalnum((unsigned char)*at) || *at == '+' || *at == '-')
      at++;
    if (*at != '>')
      return 0;
    count = (size_t)(at++ - begin);
  } else {
    while (isalpha((unsigned char)*at))
      at++;
    count = (size_t)(at - begin);
  }
  if (count < 3 || count > ZONE_NAME_LETTERS)
    return 0;
  *name = zone_name(begin, count);
  *text = at;
  return 1;
}

static int read_number(const char **text, int least, int most, int *number) {
  if (!isdigit((unsigned char)**text))
    return 0;
  int value = 0;
  while (isdigit((unsigned char)**text)) {
    value = value * 10 + (*(*text)++ - '0');
    if (value > most)
      return 0;
  }
  *number = value;
  return value >= least;
}

/* [+-]hours[:minutes[:seconds]], in seconds. */
static int read_time(const char **text, int most_hours, int32_t *seconds) {
  int sign = 1, hours, minutes = 0, rest = 0;
  if (**text == '+' || **text == '-')
    sign = *(*text)++ == '-' ? -1 : 1;
  if (!read_number(text, 0, most_hours, &hours))
    return 0;
  if (**text == ':') {
    ++*text;
    if (!read_number(text, 0, 59, &minutes))
      return 0;
    if (**text == ':') {
      ++*text;
      if (!read_number(text, 0, 59, &rest))
        return 0;
    }
  }
  *seconds = sign * (hours * 3600 + minutes * 60 + rest);
  return 1;
}

static int read_change(const char **text, struct zone_change *change) {
  if (*(*text)++ != ',')
    return 0;
  if (**text == 'M') {
    ++*text;
    change->kind = MONTH_WEEK_DAY;
    if (!read_number(text, 1, 12, &change->month) || *(*text)++ != '.' ||
        !read_number(text, 1, 5, &change->week) || *(*text)++ != '.' ||
        !read_number(text, 0, 6, &change->day))
      return 0;
  } else if (**text == 'J') {
    ++*text;
    change->kind = DAY_WITHOUT_LEAP;
    if (!read_number(text, 1, 365, &change->day))
      return 0;
  } else {
    change->kind = DAY_WITH_LEAP;
    if (!read_number(text, 0, 365, &change->day))
      return 0;
  }
  change->seconds = 2 * 3600;
  if (**text != '/')
    return 1;
  ++*text;
  return read_time(text, CHANGE_HOURS, &change->seconds);
}

int zone_rules_read(struct zone_rules *rules, const char *text) {
  memset(rules, 0, sizeof *rules);
  struct zone_type *standard = &rules->types[0], *summer = &rules->types[1];
  standard->name = __utc;
  int32_t west;
  if (!read_name(&text, &standard->name) || !read_time(&text, OFFSET_HOURS, &west))
    return 0;
  standard->offset = -west;
  if (!*text)
    return 1;
  summer->is_summer = 1;
  summer->offset = standard->offset + 3600;
  if (!read_name(&text, &summer->name))
    return 0;
  if (*text && *text != ',') {
    if (!read_time(&text, OFFSET_HOURS, &west))
      return 0;
    summer->offset = -west;
  }
  /* Without rules, those of the United States hold, as in other libraries. */
  if (!*text || !strcmp(text, ","))
    text = ",M3.2.0,M11.1.0";
  if (!read_change(&text, &rules->begin) || !read_change(&text, &rules->end) || *text)
    return 0;
  rules->has_summer = 1;
  return 1;
}

/* --- asking --------------------------------------------------------------- */

static int is_leap(int64_t year) { return year % 4 == 0 && (year % 100 || year % 400 == 0); }

/* Days from 1970 to the beginning of a year. */
static int64_t days_before(int64_t year) {
  int64_t past = year - 1;
  int64_t fours = past / 4 - (past % 4 < 0), hundreds = past / 100 - (past % 100 < 0);
  int64_t four_hundreds = past / 400 - (past % 400 < 0);
  return (year - 1970) * 365 + (fours - 492) - (hundreds - 19) + (four_hundreds - 4);
}

static int64_t year_of(int64_t days) {
  /* In four hundred years, of which each has as many days. */
  int64_t year = 1970 + (days / 146097) * 400 + (days % 146097) / 366;
  while (days_before(year) > days)
    year--;
  while (days_before(year + 1) <= days)
    year++;
  return year;
}

/* When the clock changes in a year, in seconds since 1970 by the clock before. */
static int64_t time_of(const struct zone_change *change, int64_t year) {
  static const int16_t before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  int64_t begin = days_before(year);
  int day = change->day, leap = is_leap(year);
  if (change->kind == DAY_WITHOUT_LEAP) {
    day += leap && day >= 60 ? 0 : -1;
  } else if (change->kind == MONTH_WEEK_DAY) {
    int first = before_month[change->month - 1] + (leap && change->month > 2);
    int length = before_month[change->month] - before_month[change->month - 1] + (leap && change->month == 2);
    /* The first day of 1970 was a Thursday. */
    int weekday = (int)(((begin + first + 4) % 7 + 7) % 7);
    int in_month = (change->day - weekday + 7) % 7 + (change->week - 1) * 7;
    if (in_month >= length)
      in_month -= 7;
    day = first + in_month;
  }
  return (begin + day) * DAY + change->seconds;
}

const struct zone_type *zone_rules_at(const struct zone_rules *rules, int64_t time) {
  const struct zone_type *standard = &rules->types[0], *summer = &rules->types[1];
  /* Beyond these no struct tm has a year. */
  if (!rules->has_summer || time < -((int64_t)1 << 56) || time > (int64_t)1 << 56)
    return standard;
  int64_t local = time + standard->offset;
  int64_t year = year_of(local / DAY - (local % DAY < 0));
  int64_t begin = time_of(&rules->begin, year) - standard->offset;
  int64_t end = time_of(&rules->end, year) - summer->offset;
  int inside = begin <= end ? time >= begin && time < end : time >= begin || time < end;
  return inside ? summer : standard;
}
