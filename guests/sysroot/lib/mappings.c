/* Memory maps, made of malloc and of reading and writing the file: wasm has no
 * page tables. A shared, writable map of a file is written back by msync and
 * munmap; two maps of one file do not see each other before that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 65536

struct mapping {
  struct mapping *next;
  char *address;
  size_t length;
  off_t offset;
  int fd; /* our own copy, or -1 when nothing is written back */
};
static struct mapping *all;

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
  memset(m->address + done, 0, m->length - done);
  return 0;
}

/* Writes a range of the map back, never beyond the end of the file. */
static int store(struct mapping *m, size_t from, size_t length) {
  struct stat state;
  if (m->fd < 0)
    return 0;
  if (fstat(m->fd, &state))
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
    ssize_t count = pwrite(m->fd, m->address + from, length, m->offset + (off_t)from);
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

void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset) {
  (void)hint;
  int kind = flags & MAP_TYPE;
  if (!length || (kind != MAP_SHARED && kind != MAP_PRIVATE) || offset % 4096) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  /* Nobody can jump into memory. Who makes code is told so at once; a file that
   * is mapped to be executed may still be read. */
  if ((flags & MAP_FIXED) || ((flags & MAP_ANONYMOUS) && (protection & PROT_EXEC))) {
    errno = ENOTSUP;
    return MAP_FAILED;
  }
  struct mapping *m = malloc(sizeof *m);
  size_t rounded = (length + PAGE - 1) / PAGE * PAGE;
  char *address = m && rounded >= length ? aligned_alloc(PAGE, rounded) : 0;
  if (!address) {
    free(m);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  *m = (struct mapping){.address = address, .length = length, .offset = offset, .fd = -1};
  int failed = 0;
  if (flags & MAP_ANONYMOUS)
    memset(address, 0, length);
  else {
    failed = load(m, fd);
    if (!failed && kind == MAP_SHARED && (protection & PROT_WRITE))
      failed = (m->fd = dup(fd)) < 0;
  }
  if (failed) {
    free(address);
    free(m);
    return MAP_FAILED;
  }
  m->next = all;
  all = m;
  return address;
}

static struct mapping **find(void *address) {
  struct mapping **at = &all;
  while (*at && !((char *)address >= (*at)->address &&
                  (char *)address < (*at)->address + (*at)->length))
    at = &(*at)->next;
  if (!*at)
    errno = EINVAL;
  return at;
}

int munmap(void *address, size_t length) {
  struct mapping **at = find(address), *m = *at;
  if (!m)
    return -1;
  if (m->address != address || length < m->length) {
    errno = ENOTSUP; /* a part of a map */
    return -1;
  }
  int failed = store(m, 0, m->length), error = errno;
  if (m->fd >= 0)
    close(m->fd);
  *at = m->next;
  free(m->address);
  free(m);
  errno = error;
  return failed;
}

int msync(void *address, size_t length, int flags) {
  (void)flags;
  struct mapping *m = *find(address);
  return m ? store(m, (size_t)((char *)address - m->address), length) : -1;
}

int mprotect(void *address, size_t length, int protection) {
  (void)address, (void)length;
  if (protection & PROT_EXEC) {
    errno = ENOTSUP;
    return -1;
  }
  return 0;
}

int madvise(void *address, size_t length, int advice) {
  (void)address, (void)length, (void)advice;
  return 0;
}
