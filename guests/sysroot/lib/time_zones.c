/* Local time. wasi-libc has UTC only. As elsewhere, the variable TZ names a file
 * below /usr/share/zoneinfo, or is itself a rule such as EST5EDT,M3.2.0,M11.1.0;
 * without it /etc/localtime holds, and without that UTC. It is read by tzset,
 * localtime and mktime; localtime_r reads it only the first time. What was read
 * before a run began, as a snapshot has it, is read again. */
#include "zones.h"
#include <bellglass/run.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES "/usr/share/zoneinfo"
#define USUAL_ZONE "/etc/localtime"

/* A longer TZ is taken for none that is known. */
#define TEXT_BYTES 1024

char *tzname[2] = {"UTC", "UTC"};
long timezone;
int daylight;

static struct {
  /* The run that this was read in; none is 0. */
  unsigned run;
  int has_text;
  char text[TEXT_BYTES];
  int has_file;
  struct zone_file file;
  struct zone_rules rules;
} zone;

static struct zone_type type_at(int64_t time) {
  return zone.has_file ? zone_file_at(&zone.file, time) : *zone_rules_at(&zone.rules, time);
}

static int nearest(int64_t time, int is_summer, struct zone_type *type) {
  if (zone.has_file)
    return zone_file_nearest(&zone.file, time, is_summer, type);
  *type = zone.rules.types[is_summer];
  return !is_summer || zone.rules.has_summer;
}

static int read_file_of(const char *name) {
  if (*name == '/')
    return zone_file_read(&zone.file, name);
  const char *folder = getenv("TZDIR");
  char path[2 * TEXT_BYTES];
  int length = snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : ZONES, name);
  return length > 0 && (size_t)length < sizeof path && zone_file_read(&zone.file, path);
}

/* The variables of which programs learn what the zone is about. */
static void set_names(void) {
  struct zone_type standard = zone.rules.types[0], summer = zone.rules.types[1];
  int has_summer = zone.rules.has_summer;
  if (zone.has_file && zone.file.has_rules) {
    standard = zone.file.rules.types[0];
    summer = zone.file.rules.types[1];
    has_summer = zone.file.rules.has_summer;
  } else if (zone.has_file) {
    standard = zone_file_at(&zone.file, INT64_MAX);
    if (standard.is_summer)
      (void)zone_file_nearest(&zone.file, INT64_MAX, 0, &standard);
    has_summer = zone_file_nearest(&zone.file, INT64_MAX, 1, &summer);
  }
  tzname[0] = (char *)standard.name;
  tzname[1] = (char *)(has_summer ? summer.name : standard.name);
  timezone = -standard.offset;
  daylight = has_summer;
}

static void read_zone(int again) {
  if (zone.run == bellglass_run_number && !again)
    return;
  const char *text = getenv("TZ");
  /* A text that is as it was says what it said; a file may have changed. */
  if (zone.run == bellglass_run_number && text && zone.has_text && !strcmp(text, zone.text))
    return;
  int before = errno;
  zone_file_forget(&zone.file);
  zone.run = bellglass_run_number;
  zone.has_text = text && strlen(text) < sizeof zone.text;
  zone.text[0] = 0;
  if (zone.has_text)
    strcpy(zone.text, text);
  const char *name = zone.text + (zone.text[0] == ':');
  zone.has_file = text ? *name && read_file_of(name) : zone_file_read(&zone.file, USUAL_ZONE);
  (void)zone_rules_read(&zone.rules, name);
  set_names();
  errno = before;
}

void tzset(void) { read_zone(1); }

/* What wasi-libc's strftime asks for %Z. */
const char *__tm_to_tzname(const struct tm *time) {
  if (time->tm_zone && *time->tm_zone)
    return time->tm_zone;
  if (time->tm_isdst < 0)
    return "";
  read_zone(1);
  return tzname[time->tm_isdst != 0];
}

static struct tm *break_down(int64_t time, struct tm *result) {
  struct zone_type type = type_at(time);
  time_t local;
  struct tm broken;
  if (__builtin_add_overflow(time, (int64_t)type.offset, &local)) {
    errno = EOVERFLOW;
    return 0;
  }
  if (!gmtime_r(&local, &broken))
    return 0;
  broken.tm_isdst = type.is_summer;
  broken.tm_gmtoff = type.offset;
  broken.tm_zone = type.name;
  *result = broken;
  return result;
}

struct tm *localtime_r(const time_t *restrict time, struct tm *restrict result) {
  read_zone(0);
  return break_down(*time, result);
}

struct tm *localtime(const time_t *time) {
  static struct tm result;
  read_zone(1);
  return break_down(*time, &result);
}

/* When the clock shows this many seconds since 1970. If it does so twice, the first
 * time, unless is_summer (0 or 1, or less for neither) says which; if never, what
 * it would be had the clock not been changed. */
static int64_t time_of_clock(int64_t local, int is_summer) {
  const int64_t day = 86400;
  const struct zone_type around[2] = {type_at(local - day), type_at(local + day)};
  int matches[2];
  for (int i = 0; i < 2; i++) {
    struct zone_type there = type_at(local - around[i].offset);
    matches[i] = there.offset == around[i].offset;
    if (matches[i] && (is_summer < 0 || there.is_summer == is_summer))
      return local - around[i].offset;
  }
  struct zone_type wanted;
  if (is_summer >= 0 && nearest(local - around[0].offset, is_summer, &wanted))
    return local - wanted.offset;
  /* Where the zone knows no such time, it would be an hour from what it knows. */
  if (is_summer >= 0)
    return local - around[0].offset - (is_summer ? 3600 : -3600);
  return local - around[!matches[0] && matches[1]].offset;
}

time_t mktime(struct tm *time) {
  read_zone(1);
  struct tm normal = *time;
  /* -1 is also a time: the one that errno is not set for. */
  int before = errno;
  errno = 0;
  int64_t local = timegm(&normal);
  if (local == -1 && errno)
    return -1;
  int64_t result = time_of_clock(local, time->tm_isdst < 0 ? -1 : time->tm_isdst > 0);
  if (!break_down(result, &normal))
    return -1;
  errno = before;
  *time = normal;
  return result;
}
