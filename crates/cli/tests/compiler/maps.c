/* Memory maps as POSIX and Linux have them: whole maps and parts of them. What is
 * not as it should be is said by its line. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define LARGE ((size_t)2 << 20)

static int wrong;
#define CHECK(so)                                                                  \
  do {                                                                             \
    if (!(so)) {                                                                   \
      wrong = 1;                                                                   \
      printf("line %d: %s (errno %d)\n", __LINE__, #so, errno);                    \
    }                                                                              \
  } while (0)
#define FAILS(call, error) (errno = 0, (call) == -1 && errno == (error))
#define NO_MAP(call, error) (errno = 0, (call) == MAP_FAILED && errno == (error))

static char *map(void *hint, size_t length, int flags) {
  return mmap(hint, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int is_all(const char *memory, size_t length, char byte) {
  for (size_t i = 0; i < length; i++)
    if (memory[i] != byte)
      return 0;
  return 1;
}

static void parts(void) {
  size_t page = PAGE;
  char *memory = map(0, 8 * page, 0);
  CHECK(memory != MAP_FAILED && (uintptr_t)memory % page == 0);
  CHECK(is_all(memory, 8 * page, 0));
  for (int i = 0; i < 8; i++)
    memset(memory + i * page, 'a' + i, page);
  CHECK(!munmap(memory, page));                /* the head */
  CHECK(!munmap(memory + 7 * page, 1));        /* the tail, of which a byte is a page */
  CHECK(!munmap(memory + 3 * page, 2 * page)); /* the middle */
  for (int i = 1; i < 7; i++)
    if (i != 3 && i != 4)
      CHECK(is_all(memory + i * page, page, 'a' + i));
  /* What is free is used again, where it is asked for, and is zero. */
  CHECK(map(memory + 3 * page, 2 * page, 0) == memory + 3 * page);
  CHECK(is_all(memory + 3 * page, 2 * page, 0));
  CHECK(map(memory + 3 * page, page, 0) != memory + 3 * page);
  CHECK(NO_MAP(map(memory + 3 * page, page, MAP_FIXED_NOREPLACE), EEXIST));
  /* A range of several maps, of parts of them, and of nothing. */
  CHECK(!munmap(memory, 4 * page));
  CHECK(is_all(memory + 5 * page, page, 'f'));
  CHECK(!munmap(memory, 8 * page));
  CHECK(!munmap(memory, 8 * page));
  CHECK(FAILS(munmap(memory + 1, page), EINVAL));
  CHECK(FAILS(munmap(memory, 0), EINVAL));
  CHECK(FAILS(munmap(memory, SIZE_MAX), EINVAL));
}

/* As an allocator does that wants its pieces at a multiple of their size. */
static void alignment(void) {
  size_t page = PAGE;
  char *piece = map(0, LARGE, 0);
  CHECK((uintptr_t)piece % LARGE == 0);
  for (int round = 0; round < 300; round++) {
    size_t before = __builtin_wasm_memory_size(0);
    char *memory = map(0, 2 * LARGE - page, 0);
    CHECK(memory != MAP_FAILED);
    char *begin = (char *)(((uintptr_t)memory + LARGE - 1) / LARGE * LARGE), *end = begin + LARGE;
    if (begin > memory)
      CHECK(!munmap(memory, (size_t)(begin - memory)));
    if (memory + 2 * LARGE - page > end)
      CHECK(!munmap(end, (size_t)(memory + 2 * LARGE - page - end)));
    memset(begin, round, LARGE);
    CHECK(!munmap(begin, LARGE));
    CHECK(!round || __builtin_wasm_memory_size(0) == before); /* nothing leaks */
  }
  /* A piece grows where it stands, if there is room behind it. */
  char *more = map(piece + LARGE, page, 0);
  CHECK(more == piece + LARGE);
  CHECK(!munmap(piece, LARGE + page));
}

static void fixed(void) {
  size_t page = PAGE;
  char *memory = map(0, 4 * page, 0);
  memset(memory, 'x', 4 * page);
  CHECK(map(memory + page, 2 * page, MAP_FIXED) == memory + page);
  CHECK(is_all(memory, page, 'x') && is_all(memory + page, 2 * page, 0) && is_all(memory + 3 * page, page, 'x'));
  CHECK(NO_MAP(map(memory + 1, page, MAP_FIXED), EINVAL));
  /* What the program was linked with is no map's. */
  CHECK(NO_MAP(map((char *)page, page, MAP_FIXED), ENOMEM));
  CHECK(!madvise(memory + 3 * page, page, MADV_DONTNEED) && is_all(memory + 3 * page, page, 0));
  CHECK(is_all(memory, page, 'x'));
  CHECK(!munmap(memory, 4 * page));
}

static void refusals(void) {
  int kind = MAP_PRIVATE | MAP_ANONYMOUS;
  CHECK(NO_MAP(mmap(0, PAGE, PROT_READ | PROT_EXEC, kind, -1, 0), EACCES));
  CHECK(NO_MAP(map(0, PAGE, MAP_STACK), ENOTSUP));
  CHECK(NO_MAP(map(0, 0, 0), EINVAL));
  CHECK(NO_MAP(mmap(0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL));
  CHECK(NO_MAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 77, 0), EBADF));
  CHECK(NO_MAP(map(0, SIZE_MAX, 0), ENOMEM));
  CHECK(NO_MAP(map(0, SIZE_MAX - 2 * PAGE, 0), ENOMEM));
  CHECK(FAILS(msync((void *)(uintptr_t)0xfff00000, PAGE, MS_SYNC), ENOMEM));
}

/* A shared map of a file is written back, each part when it goes. */
static void files(void) {
  size_t page = PAGE, length = 4 * page + 100;
  int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
  char *bytes = malloc(length), *seen = malloc(length);
  memset(bytes, '.', length);
  CHECK(write(fd, bytes, length) == (ssize_t)length);
  char *memory = mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED && !memcmp(memory, bytes, length));
  CHECK(is_all(memory + length, 5 * page - length, 0));
  close(fd);
  memset(memory, '#', length);
  CHECK(!munmap(memory + page, 2 * page));
  memset(bytes + page, '#', 2 * page);
  fd = open("mapped", O_RDWR);
  CHECK(pread(fd, seen, length, 0) == (ssize_t)length && !memcmp(seen, bytes, length));
  memset(memory + length, '!', 5 * page - length); /* behind the file's end: nowhere */
  CHECK(!msync(memory + 3 * page, 2 * page, MS_SYNC));
  memset(bytes + 3 * page, '#', length - 3 * page);
  CHECK(pread(fd, seen, length, 0) == (ssize_t)length && !memcmp(seen, bytes, length));
  CHECK(!munmap(memory, 5 * page));
  memset(bytes, '#', page);
  CHECK(pread(fd, seen, length, 0) == (ssize_t)length && !memcmp(seen, bytes, length));
  CHECK(lseek(fd, 0, SEEK_END) == (off_t)length);
  /* A private one is not. */
  memory = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)page);
  memset(memory, '?', page);
  CHECK(is_all(memory + page, 3 * page + 100 - page, '#') && is_all(memory + 3 * page + 100, page - 100, 0));
  CHECK(!munmap(memory, length));
  CHECK(pread(fd, seen, length, 0) == (ssize_t)length && !memcmp(seen, bytes, length));
  /* No descriptor is left open. */
  int next = dup(fd);
  CHECK(next == fd + 1);
  close(next);
  close(fd);
  free(bytes);
  free(seen);
}

static uint32_t seed = 12345;

static int pick(int limit) {
  seed = seed * 1664525 + 1013904223;
  return (int)(seed >> 8) % limit;
}

/* Maps, parts of maps and malloc's memory in any order: each page keeps what was
 * written to it, and none is given to two. */
static void any_order(void) {
  enum { SLOTS = 32, PAGES = 24 };
  static struct { char *memory; int state[PAGES]; } slots[SLOTS];
  static char *blocks[SLOTS];
  static size_t sizes[SLOTS];
  size_t page = PAGE;
  for (int round = 0; round < 20000; round++) {
    int at = pick(SLOTS);
    if (pick(4) == 0) {
      if (blocks[at])
        CHECK(is_all(blocks[at], sizes[at], (char)at));
      free(blocks[at]);
      sizes[at] = (size_t)pick(pick(10) ? 3000 : 300000);
      blocks[at] = malloc(sizes[at]);
      memset(blocks[at], at, sizes[at]);
    } else if (!slots[at].memory) {
      int pages = 1 + pick(PAGES);
      char *memory = map(0, (size_t)pages * page, 0);
      CHECK(memory != MAP_FAILED);
      slots[at].memory = memory;
      for (int i = 0; i < PAGES; i++) {
        slots[at].state[i] = i < pages;
        if (i < pages) {
          CHECK(is_all(memory + (size_t)i * page, 64, 0) && is_all(memory + (size_t)(i + 1) * page - 64, 64, 0));
          memory[(size_t)i * page] = memory[(size_t)(i + 1) * page - 1] = (char)(at + i);
        }
      }
    } else {
      int from = pick(PAGES), count = 1 + pick(pick(3) ? 6 : PAGES), left = 0;
      for (int i = 0; i < PAGES; i++) {
        char *one = slots[at].memory + (size_t)i * page;
        if (slots[at].state[i])
          CHECK(one[0] == (char)(at + i) && one[page - 1] == (char)(at + i));
        /* Only what is still this one's, for the rest may be another's by now. */
        if (i >= from && i < from + count && slots[at].state[i]) {
          CHECK(!munmap(one, page));
          slots[at].state[i] = 0;
        }
        left += slots[at].state[i];
      }
      if (!left)
        slots[at].memory = 0;
    }
  }
  for (int at = 0; at < SLOTS; at++) {
    for (int i = 0; slots[at].memory && i < PAGES; i++)
      if (slots[at].state[i])
        munmap(slots[at].memory + (size_t)i * page, page);
    free(blocks[at]);
  }
}

/* All that there is, and then all of it again. */
static void exhaustion(void) {
  enum { MANY = 4096 };
  static char *pieces[MANY];
  int count[2] = {0, 0};
  for (int round = 0; round < 2; round++) {
    while (count[round] < MANY && (pieces[count[round]] = map(0, 48 * PAGE, 0)) != MAP_FAILED)
      pieces[count[round]++][0] = 1;
    CHECK(errno == ENOMEM);
    for (int i = 0; i < count[round]; i += 2)
      CHECK(!munmap(pieces[i], 48 * PAGE));
    for (int i = 1; i < count[round]; i += 2)
      CHECK(!munmap(pieces[i], 48 * PAGE));
  }
  CHECK(count[0] > 100 && count[1] >= count[0]);
  /* The pieces have become one. */
  char *memory = map(0, (size_t)count[0] * 48 * PAGE / 2, 0);
  CHECK(memory != MAP_FAILED && !munmap(memory, (size_t)count[0] * 48 * PAGE / 2));
}

int main(void) {
  parts();
  alignment();
  fixed();
  refusals();
  files();
  any_order();
  exhaustion();
  puts(wrong ? "wrong" : "as it should be");
  return wrong;
}
