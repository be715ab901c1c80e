/* Local time, between the files of this library: a zone as a text of POSIX's form
 * says it (zone_rules.c), and as a file says it (zone_files.c). Which one holds is
 * time_zones.c's to know. Nothing here trusts a text or a file. */
#ifndef ZONES_H
#define ZONES_H
#include <stddef.h>
#include <stdint.h>

/* A name of a zone has at most this many letters. */
#define ZONE_NAME_LETTERS 63

/* What holds at one time: seconds east of Greenwich, and a name. */
struct zone_type {
  int32_t offset;
  int is_summer;
  const char *name;
};

/* A day of the year and a time of it, in seconds, that may lie outside the day. */
struct zone_change {
  enum { MONTH_WEEK_DAY, DAY_WITHOUT_LEAP, DAY_WITH_LEAP } kind;
  int month, week, day;
  int32_t seconds;
};

/* What a text says: standard time, and perhaps another from `begin` to `end`. */
struct zone_rules {
  struct zone_type types[2];
  int has_summer;
  struct zone_change begin, end;
};

/* "UTC". wasi-libc's functions set a struct tm to this. */
extern const char __utc[];

/* A copy of the name that stays, the same for the same letters: a struct tm of
 * before may still point to it. "" if there is no memory for it. */
const char *zone_name(const char *letters, size_t count);

/* Reads a text such as CET-1CEST,M3.5.0,M10.5.0/3. If it is none, 0 is the result,
 * and the rules are what could be read of it: UTC, if nothing could. */
int zone_rules_read(struct zone_rules *rules, const char *text);

/* What the rules say of a time, in seconds since 1970. */
const struct zone_type *zone_rules_at(const struct zone_rules *rules, int64_t time);

struct zone_file {
  uint32_t changes, types, letters;
  /* Into the file's bytes, which are kept. */
  const unsigned char *times, *indexes, *infos, *names;
  unsigned char *bytes;
  /* What the file says of the time after its last change, if it does. */
  struct zone_rules rules;
  int has_rules;
};

/* Reads a file as RFC 8536 has it, from its second version on. 0 if it is none. */
int zone_file_read(struct zone_file *file, const char *path);
void zone_file_forget(struct zone_file *file);

/* What the file says of a time. */
struct zone_type zone_file_at(const struct zone_file *file, int64_t time);

/* The type of this kind that holds nearest to a time. 0 if there is none. */
int zone_file_nearest(const struct zone_file *file, int64_t time, int is_summer, struct zone_type *type);
#endif
