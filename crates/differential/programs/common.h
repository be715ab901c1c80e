/* What the programs of the comparison share.
 *
 * Each is started as `PROGRAM SEED FIRST COUNT [SKIPPED]`, does the sequences of operations
 * from FIRST on, and writes a line for each: its number, a digest of what every operation
 * showed, and how many there were. With SKIPPED ("-", or numbers and commas) it writes what
 * the operations showed instead, a line each, as they happen, and leaves the named ones out.
 *
 * What an operation does is drawn from the seed, the sequence and its own number alone, so
 * that others can be left out. It shows nothing that two machines may tell differently:
 * each such mask has its reason beside it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define COUNT(list) ((unsigned)(sizeof(list) / sizeof(*(list))))
#define PICK(list) ((list)[below(COUNT(list))])

/* The library does not know the number on each machine. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* What whoever started it has left open would take numbers that the other side has free. */
__attribute__((constructor)) static void close_inherited(void) { syscall(SYS_close_range, 3u, ~0u, 0u); }

/* What a program does: begin and end a sequence, and one operation of it. */
typedef struct {
  unsigned most;        /* operations of a sequence */
  void (*begin)(void);
  void (*operate)(void);
  void (*end)(void);
} Program;

static uint64_t sequence_seed;
static uint64_t random_state;

static uint64_t mixed(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

static uint64_t next_random(void) {
  random_state += 0x9e3779b97f4a7c15u;
  return mixed(random_state);
}

/* A number below `end`, which is not 0. Draws are never two in one expression that leaves their
 * order to the compiler: both sides must draw alike. */
static unsigned below(unsigned end) { return (unsigned)((next_random() >> 16) % end); }

/* Whether something of that many in a hundred happens. */
static int chance(unsigned percent) { return below(100) < percent; }

static int between(int least, int most) { return least + (int)below((unsigned)(most - least + 1)); }

/* What is written, and what of it is in the digest already. */
static char shown[1 << 16];
static size_t shown_length;
static uint64_t digest;
static int in_detail;

static void write_out(const char *text, size_t length) {
  while (length > 0) {
    ssize_t count = write(1, text, length);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      _exit(99);
    text += count;
    length -= (size_t)count;
  }
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  va_list list;
  int before = errno;
  size_t room = sizeof shown - shown_length;
  va_start(list, format);
  int length = vsnprintf(shown + shown_length, room, format, list);
  va_end(list);
  if (length > 0)
    shown_length += (size_t)length < room ? (size_t)length : room - 1;
  errno = before;
}

/* Ends what an operation shows. */
static void end_of_operation(void) {
  for (size_t at = 0; at < shown_length; at++)
    digest = (digest ^ (unsigned char)shown[at]) * 0x100000001b3u;
  digest = mixed(digest + shown_length);
  if (in_detail) {
    /* One line for each. */
    for (size_t at = 0; at < shown_length; at++)
      if (shown[at] == '\n')
        shown[at] = '|';
    if (shown_length + 1 < sizeof shown)
      shown[shown_length++] = '\n';
    write_out(shown, shown_length);
  }
  shown_length = 0;
}

static const struct {
  int number;
  const char *name;
} error_names[] = {
    {EPERM, "EPERM"}, {ENOENT, "ENOENT"}, {ESRCH, "ESRCH"}, {EINTR, "EINTR"}, {EIO, "EIO"}, {ENXIO, "ENXIO"},
    {E2BIG, "E2BIG"}, {EBADF, "EBADF"}, {EAGAIN, "EAGAIN"}, {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},
    {EFAULT, "EFAULT"}, {EBUSY, "EBUSY"}, {EEXIST, "EEXIST"}, {EXDEV, "EXDEV"}, {ENODEV, "ENODEV"},
    {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"}, {EINVAL, "EINVAL"}, {ENFILE, "ENFILE"}, {EMFILE, "EMFILE"},
    {ENOTTY, "ENOTTY"}, {ETXTBSY, "ETXTBSY"}, {EFBIG, "EFBIG"}, {ENOSPC, "ENOSPC"}, {ESPIPE, "ESPIPE"},
    {EROFS, "EROFS"}, {EMLINK, "EMLINK"}, {EPIPE, "EPIPE"}, {EDOM, "EDOM"}, {ERANGE, "ERANGE"},
    {EDEADLK, "EDEADLK"}, {ENAMETOOLONG, "ENAMETOOLONG"}, {ENOLCK, "ENOLCK"}, {ENOSYS, "ENOSYS"},
    {ENOTEMPTY, "ENOTEMPTY"}, {ELOOP, "ELOOP"}, {ENODATA, "ENODATA"}, {EOVERFLOW, "EOVERFLOW"},
    {EILSEQ, "EILSEQ"}, {ENOTSOCK, "ENOTSOCK"}, {EMSGSIZE, "EMSGSIZE"}, {EPROTOTYPE, "EPROTOTYPE"},
    {ENOPROTOOPT, "ENOPROTOOPT"}, {EPROTONOSUPPORT, "EPROTONOSUPPORT"}, {EOPNOTSUPP, "EOPNOTSUPP"},
    {EISCONN, "EISCONN"}, {ENOTCONN, "ENOTCONN"}, {ECONNRESET, "ECONNRESET"}, {ETIMEDOUT, "ETIMEDOUT"},
    {ECONNREFUSED, "ECONNREFUSED"}, {EDESTADDRREQ, "EDESTADDRREQ"}, {ESTALE, "ESTALE"},
};

static const char *error_name(int number) {
  static char other[16];
  for (unsigned at = 0; at < COUNT(error_names); at++)
    if (error_names[at].number == number)
      return error_names[at].name;
  snprintf(other, sizeof other, "errno %d", number);
  return other;
}

/* Shows what a call returned: its value, or its error. Returns it. */
static long tell(long value) {
  if (value == -1)
    say(" = %s", error_name(errno));
  else
    say(" = %ld", value);
  return value;
}

/* The same of a call whose value means nothing but that it went well. */
static int told(int value) {
  say(" = %s", value == -1 ? error_name(errno) : "ok");
  return value;
}

static uint64_t digest_of(const void *bytes, size_t length) {
  uint64_t sum = 0xcbf29ce484222325u;
  for (size_t at = 0; at < length; at++)
    sum = (sum ^ ((const unsigned char *)bytes)[at]) * 0x100000001b3u;
  return mixed(sum);
}

/* Shows bytes: a few as they are, more by their digest. */
static void say_bytes(const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  if (length > 16) {
    say(" [%u bytes %08x]", (unsigned)length, (unsigned)digest_of(bytes, length));
    return;
  }
  say(" [");
  for (size_t index = 0; index < length; index++)
    say("%02x", at[index]);
  say("]");
}

/* Bytes that tell where they came from. */
static void fill(void *bytes, size_t length) {
  uint64_t start = next_random();
  for (size_t at = 0; at < length; at++)
    ((unsigned char *)bytes)[at] = (unsigned char)(1 + (start + at * 7) % 251);
}

/* Whether `number` is one of a list of numbers and commas. */
static int is_listed(const char *list, unsigned number) {
  while (*list) {
    char *end;
    unsigned long one = strtoul(list, &end, 10);
    if (end == list)
      return 0;
    if (one == number)
      return 1;
    list = *end == ',' ? end + 1 : end;
  }
  return 0;
}

/* Whether a part of what a program does is left out, on both sides: one of the words in the
 * environment's WITHOUT. */
static int is_left_out(const char *part) {
  const char *list = getenv("WITHOUT");
  const char *found = list ? strstr(list, part) : 0;
  return found && (found == list || found[-1] == ',') && (!found[strlen(part)] || found[strlen(part)] == ',');
}

/* What root may do a guest may not: natively the programs are an ordinary user's. */
static void be_ordinary(void) {
  if (geteuid() == 0 && (setgroups(0, 0) || setgid(1000) || setuid(1000)))
    _exit(95);
}

static int run(const Program *program, int count, char **words) {
  if (count < 4)
    return 98;
  be_ordinary();
  uint64_t seed = strtoull(words[1], 0, 10);
  unsigned first = (unsigned)strtoul(words[2], 0, 10), sequences = (unsigned)strtoul(words[3], 0, 10);
  const char *skipped = count > 4 ? words[4] : "";
  in_detail = count > 4;
  for (unsigned number = first; number < first + sequences; number++) {
    sequence_seed = mixed(seed * 1000003 + number);
    random_state = sequence_seed;
    digest = 0;
    unsigned operations = 1 + below(program->most);
    if (program->begin)
      program->begin();
    for (unsigned index = 0; index < operations; index++) {
      if (is_listed(skipped, index))
        continue;
      random_state = mixed(sequence_seed + index * 0x632be59bd9b4e019u);
      if (in_detail)
        say("%u: ", index);
      else
        say("%u", index);
      program->operate();
      end_of_operation();
    }
    random_state = mixed(sequence_seed + 0x5851f42d4c957f2du);
    if (program->end)
      program->end();
    end_of_operation();
    if (!in_detail) {
      char line[80];
      write_out(line, (size_t)snprintf(line, sizeof line, "%u %016llx %u\n", number, (unsigned long long)digest, operations));
    }
  }
  return 0;
}
