/* Zones as a file says them: the form of /usr/share/zoneinfo, RFC 8536. */
#include "zones.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest of the usual ones has 4 KiB. */
#define FILE_BYTES (256 * 1024)

#define HEADER_BYTES 44
#define TYPE_BYTES 6

/* What the document allows, and a little more than any zone has had. */
#define OFFSET_SECONDS (26 * 3600)

static uint32_t word(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t change_time(const struct zone_file *file, uint32_t index) {
  const unsigned char *at = file->times + 8 * (size_t)index;
  return (int64_t)((uint64_t)word(at) << 32 | word(at + 4));
}

static struct zone_type type(const struct zone_file *file, uint32_t index) {
  const unsigned char *at = file->infos + TYPE_BYTES * (size_t)index;
  const char *name = (const char *)file->names + at[5];
  return (struct zone_type){.offset = (int32_t)word(at), .is_summer = at[4], .name = zone_name(name, strlen(name))};
}

/* Its bytes with a NUL after them, to be freed; their number. */
static unsigned char *read_whole(const char *path, size_t *size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  size_t room = 8192;
  unsigned char *bytes = malloc(room);
  ssize_t count = 0;
  *size = 0;
  while (bytes && (count = read(fd, bytes + *size, room - 1 - *size)) > 0) {
    *size += (size_t)count;
    if (*size < room - 1)
      continue;
    unsigned char *more = room < FILE_BYTES ? realloc(bytes, room *= 2) : 0;
    if (!more)
      free(bytes);
    bytes = more;
  }
  close(fd);
  if (bytes && count < 0) {
    free(bytes);
    return 0;
  }
  if (bytes)
    bytes[*size] = 0;
  return bytes;
}

/* The counts of a header, and how many bytes follow it. */
struct header {
  uint32_t utc_flags, standard_flags, leaps, changes, types, letters;
};

static int read_header(const unsigned char *at, size_t left, struct header *header) {
  if (left < HEADER_BYTES || memcmp(at, "TZif", 4))
    return 0;
  uint32_t *fields = (uint32_t *)header;
  for (int i = 0; i < 6; i++) {
    fields[i] = word(at + 20 + 4 * i);
    /* So no sum of products of them is too great for 32 bits. */
    if (fields[i] > FILE_BYTES)
      return 0;
  }
  return 1;
}

static size_t body_bytes(const struct header *header, size_t time_bytes) {
  return header->changes * (time_bytes + 1) + header->types * TYPE_BYTES + header->letters +
         header->leaps * (time_bytes + 4) + header->standard_flags + header->utc_flags;
}

/* Whether it is one that a text of POSIX's form could have, too. */
static int is_name(const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < length; i++)
    if (name[i] <= ' ' || name[i] > '~')
      return 0;
  return length <= ZONE_NAME_LETTERS;
}

/* Whether every number in the file that leads to another place leads into it. */
static int is_sound(const struct zone_file *file) {
  if (!file->types || !file->letters || file->names[file->letters - 1])
    return 0;
  for (uint32_t i = 0; i < file->types; i++) {
    const unsigned char *at = file->infos + TYPE_BYTES * (size_t)i;
    int32_t offset = (int32_t)word(at);
    if (offset < -OFFSET_SECONDS || offset > OFFSET_SECONDS || at[4] > 1 || at[5] >= file->letters ||
        !is_name((const char *)file->names + at[5]))
      return 0;
  }
  for (uint32_t i = 0; i < file->changes; i++)
    if (file->indexes[i] >= file->types || (i && change_time(file, i) <= change_time(file, i - 1)))
      return 0;
  return 1;
}

/* The second body, with times of 64 bits, and the text after it. */
static int take_apart(struct zone_file *file, size_t size) {
  const unsigned char *at = file->bytes, *end = at + size;
  struct header header;
  if (!read_header(at, size, &header) || at[4] < '2')
    return 0;
  size_t first = HEADER_BYTES + body_bytes(&header, 4);
  if (first > size || !read_header(at += first, size - first, &header))
    return 0;
  at += HEADER_BYTES;
  if (body_bytes(&header, 8) > (size_t)(end - at))
    return 0;
  file->changes = header.changes;
  file->types = header.types;
  file->letters = header.letters;
  file->times = at;
  file->indexes = file->times + 8 * (size_t)header.changes;
  file->infos = file->indexes + header.changes;
  file->names = file->infos + TYPE_BYTES * (size_t)header.types;
  if (!is_sound(file))
    return 0;
  at += body_bytes(&header, 8);
  if (at < end && *at == '\n') {
    char *text = (char *)at + 1, *line_end = strchr(text, '\n');
    if (line_end) {
      *line_end = 0;
      file->has_rules = zone_rules_read(&file->rules, text);
    }
  }
  return 1;
}

int zone_file_read(struct zone_file *file, const char *path) {
  size_t size;
  memset(file, 0, sizeof *file);
  file->bytes = read_whole(path, &size);
  if (!file->bytes)
    return 0;
  if (take_apart(file, size))
    return 1;
  zone_file_forget(file);
  return 0;
}

void zone_file_forget(struct zone_file *file) {
  free(file->bytes);
  memset(file, 0, sizeof *file);
}

/* How many changes there were up to a time. */
static uint32_t changes_until(const struct zone_file *file, int64_t time) {
  uint32_t low = 0, high = file->changes;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (change_time(file, middle) <= time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct zone_type zone_file_at(const struct zone_file *file, int64_t time) {
  uint32_t past = changes_until(file, time);
  if (past == file->changes && file->has_rules)
    return *zone_rules_at(&file->rules, time);
  if (past)
    return type(file, file->indexes[past - 1]);
  for (uint32_t i = 0; i < file->types; i++)
    if (!file->infos[TYPE_BYTES * (size_t)i + 4])
      return type(file, i);
  return type(file, 0);
}

int zone_file_nearest(const struct zone_file *file, int64_t time, int is_summer, struct zone_type *found) {
  uint32_t past = changes_until(file, time);
  if (past == file->changes && file->has_rules && (file->rules.has_summer || !is_summer)) {
    *found = file->rules.types[is_summer];
    return 1;
  }
  for (uint32_t step = 1; step <= file->changes; step++) {
    uint32_t places[2] = {past - step, past + step - 1};
    for (int i = 0; i < 2; i++) {
      if (places[i] >= file->changes)
        continue;
      *found = type(file, file->indexes[places[i]]);
      if (found->is_summer == is_summer)
        return 1;
    }
  }
  return 0;
}
