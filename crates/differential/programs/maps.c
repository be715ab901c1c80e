/* Memory maps, anonymous and of files, shared and private, and what becomes of the files.
 *
 * A map of a file is written back when it is synchronised or taken away, and read when it is
 * made: so a file has one shared map at a time here, and is read or written otherwise only
 * when that is in step. Linux promises no more than that to who follows POSIX; a kernel that
 * has one cache for both shows more, which is not compared. Nothing here is touched that is
 * not there or not allowed: such a fault ends a program, in another way in each. */
#include "common.h"
#include "tree.h"
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096
#define SLOTS 8
#define FILES 3

static struct {
  unsigned char *at;
  size_t pages;
  int file;       /* -1 for none */
  int shared;
  int protection;
  size_t offset;  /* in pages */
  size_t valid;   /* pages that the file has behind the map */
  size_t bytes;   /* of these, bytes before the file's end */
} slots[SLOTS];
static int files[FILES];

static int slot(void) { return (int)below(SLOTS); }

static size_t size_of(int file) {
  struct stat stat;
  return fstat(files[file], &stat) ? 0 : (size_t)stat.st_size;
}

static int shared_map_of(int file) {
  for (int at = 0; at < SLOTS; at++)
    if (slots[at].at && slots[at].shared && slots[at].file == file)
      return at;
  return -1;
}

static int any_map_of(int file) {
  for (int at = 0; at < SLOTS; at++)
    if (slots[at].at && slots[at].file == file)
      return at;
  return -1;
}

/* Beyond the page of the file's end there is nothing to touch, and what is written beyond the
 * end in that page is cleared at one time or another. */
static void measure(int which) {
  slots[which].valid = slots[which].pages;
  slots[which].bytes = slots[which].pages * PAGE;
  if (slots[which].file < 0)
    return;
  size_t size = size_of(slots[which].file), before = slots[which].offset * PAGE;
  size_t there = size > before ? size - before : 0;
  if (there < slots[which].bytes) {
    slots[which].bytes = there;
    slots[which].valid = (there + PAGE - 1) / PAGE;
  }
}

static void forget(int which) {
  if (slots[which].at)
    munmap(slots[which].at, slots[which].pages * PAGE);
  slots[which].at = 0;
}

static void say_content(int which) {
  if (slots[which].at && slots[which].protection & PROT_READ && slots[which].valid)
    say_bytes(slots[which].at, slots[which].valid * PAGE);
}

static void do_map(void) {
  int which = slot(), file = chance(50) ? (int)below(FILES) : -1, shared = chance(50);
  int protection = PICK(((int[]){PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE}));
  size_t pages = 1 + below(6), offset = file >= 0 && chance(40) ? below(3) : 0, length = pages * PAGE - (chance(30) ? below(PAGE) : 0);
  int flags = shared ? (chance(10) ? MAP_SHARED_VALIDATE : MAP_SHARED) : MAP_PRIVATE;
  forget(which);
  if (file >= 0 && (shared ? any_map_of(file) : shared_map_of(file)) >= 0)
    return;
  say("map %d %s of %d, %u at page %u, protection %d", which, shared ? "shared" : "private", file, (unsigned)length, (unsigned)offset, protection);
  if (file < 0)
    flags |= MAP_ANONYMOUS;
  void *at = mmap(0, length, protection, flags, file < 0 ? -1 : files[file], (off_t)(offset * PAGE));
  if (at == MAP_FAILED) {
    say(" = %s", error_name(errno));
    return;
  }
  say(" = %s", (uintptr_t)at % PAGE ? "not at a page" : "ok");
  slots[which].at = at;
  slots[which].pages = pages;
  slots[which].file = file;
  slots[which].shared = shared;
  slots[which].protection = protection;
  slots[which].offset = offset;
  measure(which);
  say_content(which);
}

static void do_bad_map(void) {
  int kind = (int)below(12);
  void *at = MAP_FAILED;
  int read_only = open("file0", O_RDONLY), write_only = open("file0", O_WRONLY), directory = open(".", O_RDONLY);
  errno = 0;
  say("bad map %d", kind);
  switch (kind) {
  case 0: at = mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); break;
  case 1: at = mmap(0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0); break;
  case 2: at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 99, 0); break;
  case 3: at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, files[0], 100); break;
  case 4: at = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, read_only, 0); break;
  case 5: at = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, read_only, 0); break;
  case 6: at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0); break;
  case 7: at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, directory, 0); break;
  case 8: at = mmap((void *)(uintptr_t)100, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
  case 9: at = mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x8000000, files[0], 0); break;
  case 10: at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS, -1, 0); break;
  case 11: at = mmap(0, (size_t)-PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); break;
  }
  say(" = %s", at == MAP_FAILED ? error_name(errno) : "ok");
  if (at != MAP_FAILED)
    munmap(at, PAGE);
  close(read_only);
  close(write_only);
  close(directory);
}

static void do_touch(void) {
  int which = slot();
  size_t room = slots[which].bytes;
  if (!slots[which].at || !(slots[which].protection & PROT_WRITE) || !room)
    return;
  size_t from = below((unsigned)room), length = below(200);
  if (from + length > room)
    length = room - from;
  say("write to %d at %u %u", which, (unsigned)from, (unsigned)length);
  fill(slots[which].at + from, length);
  say_content(which);
}

static void say_file(int file) {
  static unsigned char bytes[20 * PAGE];
  ssize_t count = pread(files[file], bytes, sizeof bytes, 0);
  if (count < 0)
    say(" %s", error_name(errno));
  else
    say_bytes(bytes, (size_t)count);
}

static void do_sync(void) {
  int which = slot(), flags = PICK(((int[]){MS_SYNC, MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE, MS_SYNC | MS_ASYNC, 64, 0}));
  if (!slots[which].at)
    return;
  say("msync %d %d", which, flags);
  size_t pages = chance(70) ? slots[which].pages : below((unsigned)slots[which].pages + 1);
  /* Pages beyond the end of the file are not there to be written. */
  int result = msync(slots[which].at + (chance(3) ? 1 : 0), pages * PAGE, flags);
  told(result);
  /* When an asynchronous one is done is not said. */
  if (result == 0 && flags & MS_SYNC && pages == slots[which].pages && slots[which].shared && slots[which].file >= 0)
    say_file(slots[which].file);
}

static void do_unmap(void) {
  int which = slot(), file = slots[which].file, shared = slots[which].shared;
  if (!slots[which].at) {
    static unsigned char here[2 * PAGE];
    say("munmap at no page");
    told(munmap((void *)(((uintptr_t)here & ~(uintptr_t)(PAGE - 1)) + 1), PAGE));
    return;
  }
  if (chance(70)) {
    say("munmap %d", which);
    told(munmap(slots[which].at, slots[which].pages * PAGE));
    slots[which].at = 0;
    if (shared && file >= 0)
      say_file(file);
  } else if (slots[which].pages > 1) {
    /* The end or the beginning of it. */
    size_t gone = 1 + below((unsigned)slots[which].pages - 1), stays = slots[which].pages - gone;
    if (chance(50)) {
      say("munmap the last %u of %d", (unsigned)gone, which);
      told(munmap(slots[which].at + stays * PAGE, gone * PAGE));
      slots[which].pages = stays;
      if (slots[which].valid > stays)
        slots[which].valid = stays;
      if (slots[which].bytes > stays * PAGE)
        slots[which].bytes = stays * PAGE;
    } else {
      say("munmap the first %u of %d", (unsigned)gone, which);
      told(munmap(slots[which].at, gone * PAGE));
      slots[which].at += gone * PAGE;
      slots[which].offset += gone;
      slots[which].valid = slots[which].valid > gone ? slots[which].valid - gone : 0;
      slots[which].bytes = slots[which].bytes > gone * PAGE ? slots[which].bytes - gone * PAGE : 0;
    }
    slots[which].pages = stays;
    say_content(which);
  }
}

static void do_remap(void) {
  int which = slot();
  size_t pages = 1 + below(8);
  int flags = PICK(((int[]){MREMAP_MAYMOVE, MREMAP_MAYMOVE, MREMAP_MAYMOVE, 0, 8}));
  if (!slots[which].at)
    return;
  /* Whether there is room to grow in place is a matter of what lies behind. */
  if (!(flags & MREMAP_MAYMOVE) && pages > slots[which].pages)
    return;
  /* For the same reason a private one of a file does not grow. */
  if (slots[which].file >= 0 && !slots[which].shared && pages > slots[which].pages)
    return;
  say("mremap %d from %u to %u flags %d", which, (unsigned)slots[which].pages, (unsigned)pages, flags);
  void *at = mremap(slots[which].at, slots[which].pages * PAGE, pages * PAGE, flags);
  if (at == MAP_FAILED) {
    say(" = %s", error_name(errno));
    return;
  }
  say(" = ok");
  slots[which].at = at;
  slots[which].pages = pages;
  if (slots[which].file >= 0 || !slots[which].shared) {
    measure(which);
  } else if (slots[which].valid > pages) {
    /* A shared map of nothing has its size for ever: what is beyond is no memory. */
    slots[which].valid = pages;
    slots[which].bytes = pages * PAGE;
  }
  say_content(which);
}

static void do_protect(void) {
  int which = slot(), protection = PICK(((int[]){PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, 0x1000000}));
  if (!slots[which].at)
    return;
  say("mprotect %d %d", which, protection);
  if (chance(5)) {
    say(" beside a page");
    /* The library rounds both ends. */
    told((int)syscall(SYS_mprotect, slots[which].at + 1, (size_t)PAGE, protection));
    return;
  }
  if (told(mprotect(slots[which].at, slots[which].pages * PAGE, protection)) == 0)
    slots[which].protection = protection;
  say_content(which);
}

static void do_advice(void) {
  static const int advices[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTNEED, 9999};
  int which = slot(), advice = PICK(advices);
  if (!slots[which].at)
    return;
  /* What a map of a file then shows comes from the file: of a shared one that may not be
   * written back yet, and of a private one the guest knows nothing when it was read. */
  if (advice == MADV_DONTNEED && slots[which].file >= 0)
    return;
  say("madvise %d %d", which, advice);
  told(madvise(slots[which].at, slots[which].pages * PAGE, advice));
  say_content(which);
}

static void do_lock(void) {
  int which = slot();
  if (!slots[which].at || slots[which].protection == PROT_NONE || slots[which].valid != slots[which].pages)
    return;
  say("lock %d", which);
  told(mlock(slots[which].at, PAGE));
  told(munlock(slots[which].at, PAGE));
}

/* A map over another. */
static void do_fixed(void) {
  int which = slot();
  if (!slots[which].at || slots[which].file >= 0 || slots[which].shared)
    return;
  size_t page = below((unsigned)slots[which].pages);
  say("fixed over page %u of %d", (unsigned)page, which);
  void *at = mmap(slots[which].at + page * PAGE, PAGE, slots[which].protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  say(" = %s", at == MAP_FAILED ? error_name(errno) : at == slots[which].at + page * PAGE ? "ok" : "elsewhere");
  say_content(which);
  say(" not over it");
  at = mmap(slots[which].at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  say(" = %s", at == MAP_FAILED ? error_name(errno) : "ok");
}

/* The file by its descriptor, when no map of it is out of step. */
static void do_file(void) {
  static unsigned char bytes[3 * PAGE];
  int file = (int)below(FILES);
  if (any_map_of(file) >= 0)
    return;
  switch (below(3)) {
  case 0: {
    size_t length = below(3 * PAGE), offset = below(3 * PAGE);
    fill(bytes, length);
    say("write file %d %u at %u", file, (unsigned)length, (unsigned)offset);
    tell(pwrite(files[file], bytes, length, (off_t)offset));
    break;
  }
  case 1:
    say("read file %d", file);
    say_file(file);
    break;
  case 2:
    say("size of file %d", file);
    told(ftruncate(files[file], (off_t)below(5 * PAGE)));
    break;
  }
}

/* The data segment's end. */
static void do_break(void) {
  say("sbrk");
  unsigned char *before = sbrk(0);
  unsigned char *at = sbrk((intptr_t)0);
  say(" %d", before == at);
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 22)
    do_map();
  else if (kind < 25)
    do_bad_map();
  else if (kind < 45)
    do_touch();
  else if (kind < 55)
    do_sync();
  else if (kind < 67)
    do_unmap();
  else if (kind < 74)
    do_remap();
  else if (kind < 80)
    do_protect();
  else if (kind < 85)
    do_advice();
  else if (kind < 87)
    do_lock();
  else if (kind < 91)
    do_fixed();
  else if (kind < 92)
    do_break();
  else
    do_file();
}

static void begin(void) {
  begin_tree();
  for (int at = 0; at < SLOTS; at++)
    slots[at].at = 0;
  for (int file = 0; file < FILES; file++) {
    static unsigned char bytes[5 * PAGE];
    char name[8];
    snprintf(name, sizeof name, "file%d", file);
    files[file] = open(name, O_RDWR | O_CREAT, 0644);
    size_t length = below(sizeof bytes);
    fill(bytes, length);
    if (write(files[file], bytes, length) < 0)
      fail("fill a file");
  }
}

static void end(void) {
  for (int at = 0; at < SLOTS; at++)
    forget(at);
  for (int file = 0; file < FILES; file++)
    close(files[file]);
  end_tree();
}

int main(int count, char **words) {
  static const Program program = {60, begin, operate, end};
  has_attributes = 0;
  return run(&program, count, words);
}
