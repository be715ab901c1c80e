/* Memory maps, made of pages of their own and of reading and writing the file:
 * wasm has no page tables. A shared, writable map of a file is written back by
 * msync and munmap; two maps of one file do not see each other before that. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pages.h"

/* As Linux, so that an allocator that wants its pieces at such an address gets
 * them there at once. */
#define LARGE ((size_t)2 << 20)

/* A file that is written back: our own copy of its descriptor, for all that is
 * left of one map. */
struct file {
  int fd;
  unsigned parts;
};

struct mapping {
  struct mapping *next;
  char *address;
  size_t size;   /* whole pages */
  size_t length; /* of the file's bytes in it, at most the size */
  off_t offset;
  struct file *file; /* null when nothing is written back */
  int is_private_memory;
};
static struct mapping *all;

/* Addresses as numbers that hold the end of four GiB too. */
struct range {
  uint64_t begin, end;
};

static uint64_t whole_pages(size_t length) { return ((uint64_t)length + PAGE - 1) / PAGE * PAGE; }

static struct range range_from(const void *address, uint64_t length) {
  uint64_t begin = (uintptr_t)address;
  return (struct range){begin, begin + length};
}

/* Whether a range can be memory at all. */
static int is_range(struct range range) { return range.end <= (UINT64_C(1) << 32); }

/* What of a map lies in a range, counted from the map's begin. */
static struct range part(const struct mapping *m, struct range range) {
  struct range own = range_from(m->address, m->size);
  uint64_t from = own.begin > range.begin ? own.begin : range.begin;
  uint64_t to = own.end < range.end ? own.end : range.end;
  return from < to ? (struct range){from - own.begin, to - own.begin} : (struct range){0, 0};
}

static int load(struct mapping *m, int fd) {
  size_t done = 0;
  while (done < m->length) {
    ssize_t count = pread(fd, m->address + done, m->length - done, m->offset + (off_t)done);
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return -1;
    }
    if (!count)
      break;
    done += (size_t)count;
  }
  return 0;
}

/* Writes a range of the map back, never beyond the end of the file. */
static int store(struct mapping *m, size_t from, size_t length) {
  struct stat state;
  if (!m->file)
    return 0;
  if (fstat(m->file->fd, &state))
    return -1;
  off_t end = state.st_size - m->offset;
  if (end < 0)
    end = 0;
  if (from > m->length)
    from = m->length;
  if (length > m->length - from)
    length = m->length - from;
  if ((off_t)(from + length) > end)
    length = (off_t)from < end ? (size_t)(end - (off_t)from) : 0;
  while (length) {
    ssize_t count = pwrite(m->file->fd, m->address + from, length, m->offset + (off_t)from);
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return -1;
    }
    from += (size_t)count;
    length -= (size_t)count;
  }
  return 0;
}

static struct file *keep_file(int fd) {
  struct file *file = malloc(sizeof *file);
  if (!file)
    return 0;
  *file = (struct file){.fd = dup(fd), .parts = 1};
  if (file->fd < 0) {
    free(file);
    return 0;
  }
  return file;
}

static void drop_file(struct file *file) {
  if (!file || --file->parts)
    return;
  close(file->fd);
  free(file);
}

/* Whether a range has nothing in it but maps, and what has been maps. */
static int is_of_maps(struct range range) {
  uint64_t count = bellglass_free_pages((char *)(uintptr_t)range.begin, (size_t)(range.end - range.begin));
  for (const struct mapping *m = all; m; m = m->next) {
    struct range common = part(m, range);
    count += common.end - common.begin;
  }
  return count == range.end - range.begin;
}

/* The pages of a new map. */
static char *place(char *hint, size_t size, int flags) {
  struct range wanted = range_from(hint, size);
  int is_hint = hint && wanted.begin % PAGE == 0 && is_range(wanted);
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && !is_hint) {
    errno = EINVAL;
    return 0;
  }
  if (flags & MAP_FIXED) {
    /* It replaces maps, but nothing of malloc's. */
    if (!is_of_maps(wanted)) {
      errno = ENOTSUP;
      return 0;
    }
    if (munmap(hint, size))
      return 0;
  }
  char *address = is_hint ? bellglass_take_pages_at(hint, size) : 0;
  if (address)
    return address;
  if (flags & MAP_FIXED_NOREPLACE) {
    errno = EEXIST;
    return 0;
  }
  return bellglass_take_pages(size, size >= LARGE ? LARGE : PAGE);
}

void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset) {
  int kind = flags & MAP_TYPE;
  if (!length || (kind != MAP_SHARED && kind != MAP_PRIVATE) || offset % 4096) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  /* Nobody can jump into memory, nor have a stack in it. Who makes code or switches
   * stacks is told so at once; a file that is mapped to be executed may still be
   * read. */
  if ((flags & MAP_ANONYMOUS) && ((protection & PROT_EXEC) || (flags & MAP_STACK))) {
    errno = ENOTSUP;
    return MAP_FAILED;
  }
  uint64_t size = whole_pages(length);
  struct mapping *m = malloc(sizeof *m);
  if (!m || size > SIZE_MAX) {
    free(m);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  *m = (struct mapping){.size = (size_t)size, .offset = offset};
  if (!(flags & MAP_ANONYMOUS)) {
    m->length = length;
    if (kind == MAP_SHARED && (protection & PROT_WRITE) && !(m->file = keep_file(fd))) {
      free(m);
      return MAP_FAILED;
    }
  }
  m->is_private_memory = (flags & MAP_ANONYMOUS) && kind == MAP_PRIVATE;
  m->address = place(hint, m->size, flags);
  if (!m->address || (!(flags & MAP_ANONYMOUS) && load(m, fd))) {
    int error = errno;
    if (m->address)
      bellglass_give_pages(m->address, m->size);
    drop_file(m->file);
    free(m);
    errno = error;
    return MAP_FAILED;
  }
  m->next = all;
  all = m;
  return m->address;
}

/* Makes two maps of one, so that it can lose its middle. */
static int split(struct mapping *m, size_t at) {
  struct mapping *behind = malloc(sizeof *behind);
  if (!behind) {
    errno = ENOMEM;
    return -1;
  }
  *behind = *m;
  behind->address += at;
  behind->offset += (off_t)at;
  behind->size -= at;
  behind->length -= at < m->length ? at : m->length;
  m->size = at;
  if (m->length > at)
    m->length = at;
  if (m->file)
    m->file->parts++;
  m->next = behind;
  return 0;
}

/* Takes maps away, or the pages of them that are in the range. As natively it is
 * no error if there is none. What cannot be written back is told, but gone. */
int munmap(void *address, size_t length) {
  struct range range = range_from(address, whole_pages(length));
  if (range.begin % PAGE || !length || !is_range(range)) {
    errno = EINVAL;
    return -1;
  }
  int failed = 0, error = errno;
  for (struct mapping **at = &all; *at;) {
    struct mapping *m = *at;
    struct range common = part(m, range);
    if (common.begin == common.end) {
      at = &m->next;
      continue;
    }
    /* Only a map that reaches over an end of the range is cut. */
    if (common.end < m->size && split(m, (size_t)common.end))
      return -1;
    if (common.begin) {
      if (split(m, (size_t)common.begin))
        return -1;
      at = &m->next;
      m = *at;
    }
    if (store(m, 0, m->length)) {
      failed = -1;
      error = errno;
    }
    *at = m->next;
    bellglass_give_pages(m->address, m->size);
    drop_file(m->file);
    free(m);
  }
  errno = error;
  return failed;
}

int msync(void *address, size_t length, int flags) {
  (void)flags;
  int found = 0, failed = 0;
  for (struct mapping *m = all; m; m = m->next) {
    /* Of nothing, too, a program learns whether there is a map. */
    struct range common = part(m, range_from(address, length ? length : 1));
    if (common.begin == common.end)
      continue;
    found = 1;
    if (length && store(m, (size_t)common.begin, (size_t)(common.end - common.begin)))
      failed = -1;
  }
  if (!found) {
    errno = ENOMEM;
    return -1;
  }
  return failed;
}

int mprotect(void *address, size_t length, int protection) {
  (void)address, (void)length;
  if (protection & PROT_EXEC) {
    errno = ENOTSUP;
    return -1;
  }
  return 0;
}

/* Memory that is not needed is zero afterwards, as programs expect of Linux. */
int madvise(void *address, size_t length, int advice) {
  for (struct mapping *m = all; m && advice == MADV_DONTNEED; m = m->next) {
    struct range common = part(m, range_from(address, length));
    if (m->is_private_memory)
      memset(m->address + common.begin, 0, (size_t)(common.end - common.begin));
  }
  return 0;
}
