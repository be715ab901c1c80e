/* Files, directories, links, the working directory, attributes. */
#include "common.h"
#include "tree.h"
#include <sys/syscall.h>

#define SLOTS 6
static int has_special_files;
static int slots[SLOTS];

/* --- paths */

static const char *const names[] = {"a", "b", "c", "a", "b", "a", "b", "c", ".", ".."};

/* A path of one to three names, now and then an odd one. */
static const char *path(void) {
  static char paths[4][5000];
  static unsigned which;
  char *text = paths[which++ % 4];
  unsigned odd = below(160), count = chance(50) ? 1 : 1 + below(3);
  switch (odd) {
  case 0: return strcpy(text, "");
  case 1: memset(text, 'n', 256); text[256] = 0; return text;
  case 2: memset(text, 'n', 255); text[255] = 0; return text;
  case 3: memset(text, '/', 4096); memcpy(text, "a", 1); text[4095] = 'a'; text[4096] = 0; return text;
  case 4: for (unsigned at = 0; at < 4094; at += 2) memcpy(text + at, "./", 3); return strcat(text, "a");
  case 5: for (unsigned at = 0; at < 4096; at += 2) memcpy(text + at, "./", 3); return strcat(text, "a");
  }
  *text = 0;
  for (unsigned at = 0; at < count; at++) {
    if (at)
      strcat(text, odd == 6 ? "//" : "/");
    strcat(text, PICK(names));
  }
  if (odd >= 7 && odd < 17)
    strcat(text, "/");
  else if (odd == 17)
    strcat(text, "/.");
  return text;
}

static void say_path(const char *text) {
  if (strlen(text) > 40)
    say(" \"%.10s...\"(%u)", text, (unsigned)strlen(text));
  else
    say(" \"%s\"", text);
}

/* Mostly one that is open. */
static int slot(void) {
  int which = (int)below(SLOTS);
  for (int tries = 0; tries < 3 && slots[which] < 0; tries++)
    which = (int)below(SLOTS);
  return which;
}

/* A directory to begin a path from: mostly the working directory. One that has come close to
 * the top is closed first. */
static int start(void) {
  if (!chance(25))
    return AT_FDCWD;
  int which = slot();
  if (slots[which] >= 0 && is_near_the_top(slots[which])) {
    close(slots[which]);
    slots[which] = -1;
  }
  say(" at slot %d,", which);
  return slots[which];
}

static void stay_inside(void) {
  if (is_near_the_top(AT_FDCWD)) {
    say(", back");
    go_back();
  }
}

static void keep(int which, int fd) {
  if (slots[which] >= 0)
    close(slots[which]);
  slots[which] = fd;
}

/* The owner may do everything always: that a file's permission bits bind its owner is not so
 * in the sandbox, which says so. */
static mode_t file_mode(void) {
  mode_t mode = 0600 | (below(0100) & 077);
  return chance(10) ? mode | (below(8) << 9) : mode;
}
static mode_t directory_mode(void) {
  mode_t mode = 0700 | (below(0100) & 077);
  return chance(10) ? mode | 01000 : mode;
}

/* --- opening */

static void do_open(void) {
  static const int access[] = {O_RDONLY, O_RDONLY, O_RDWR, O_RDWR, O_RDWR, O_WRONLY, O_WRONLY, 3};
  static const struct {
    int flag, percent;
    const char *name;
  } others[] = {{O_EXCL, 12, "excl"}, {O_TRUNC, 12, "trunc"}, {O_APPEND, 12, "append"}, {O_DIRECTORY, 12, "directory"},
                {O_NOFOLLOW, 12, "nofollow"}, {O_PATH, 8, "path"}, {O_CLOEXEC, 10, "cloexec"}, {O_SYNC, 3, "sync"}};
  int which = slot(), flags = PICK(access);
  flags |= chance(45) ? O_CREAT : 0;
  say("open to slot %d,", which);
  int directory = start();
  const char *text = path();
  say_path(text);
  say(" access %d%s", flags & 3, flags & O_CREAT ? " creat" : "");
  for (unsigned at = 0; at < COUNT(others); at++)
    if (chance((unsigned)others[at].percent)) {
      flags |= others[at].flag;
      say(" %s", others[at].name);
    }
  /* Both flags together mean something else since Linux 6.4. */
  if (flags & O_CREAT && !(flags & O_PATH))
    flags &= ~O_DIRECTORY;
  /* A FIFO would wait for its other end. */
  int fd = openat(directory, text, flags | O_NONBLOCK | O_LARGEFILE, file_mode());
  tell(fd);
  if (fd >= 0) {
    struct stat stat;
    if (fstat(fd, &stat))
      say(" stat %s", error_name(errno));
    else
      say_stat(&stat);
    int now = fcntl(fd, F_GETFL);
    say(" flags %x", (unsigned)now & ~(unsigned)(O_LARGEFILE | 0100000));
    keep(which, fd);
  }
}

static void do_temporary(void) {
  int which = slot(), flags = chance(80) ? O_RDWR : PICK(((int[]){O_WRONLY, O_RDONLY}));
  say("tmpfile to slot %d,", which);
  int directory = start();
  const char *text = path();
  say_path(text);
  if (chance(20))
    flags |= O_EXCL;
  say(" flags %x", (unsigned)(flags & (O_EXCL | 3)));
  int fd = openat(directory, text, flags | O_TMPFILE, file_mode());
  tell(fd);
  if (fd < 0)
    return;
  struct stat stat;
  if (fstat(fd, &stat) == 0)
    say_stat(&stat);
  if (chance(50)) {
    char from[40];
    const char *to = path();
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    say(", given the name");
    say_path(to);
    told(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
  }
  keep(which, fd);
}

/* --- on what is open */

static void do_data(void) {
  static char bytes[9000];
  int which = slot(), fd = slots[which];
  long long offset = between(0, 9000);
  size_t length = below(chance(30) ? 5000 : 40);
  switch (below(9)) {
  case 0:
    say("read slot %d %u", which, (unsigned)length);
    long count = tell(read(fd, bytes, length));
    if (count > 0)
      say_bytes(bytes, (size_t)count);
    break;
  case 1:
    say("pread slot %d %u at %lld", which, (unsigned)length, offset);
    count = tell(pread(fd, bytes, length, chance(5) ? -offset : offset));
    if (count > 0)
      say_bytes(bytes, (size_t)count);
    break;
  case 2: case 3:
    fill(bytes, length);
    say("write slot %d %u", which, (unsigned)length);
    tell(write(fd, bytes, length));
    break;
  case 4:
    fill(bytes, length);
    say("pwrite slot %d %u at %lld", which, (unsigned)length, offset);
    tell(pwrite(fd, bytes, length, offset));
    break;
  case 5: {
    int whence = (int)below(4) == 3 ? 7 : (int)below(3);
    offset -= 3000;
    say("seek slot %d %lld from %d", which, offset, whence);
    long long now = lseek(fd, offset, whence);
    if (now < 0)
      say(" = %s", error_name(errno));
    else
      say(" = %lld", now);
    break;
  }
  case 6:
    offset = chance(5) ? -1 : offset;
    say("ftruncate slot %d %lld", which, offset);
    told(ftruncate(fd, offset));
    break;
  case 7: {
    static const int modes[] = {0, 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE};
    int mode = PICK(modes);
    long long size = between(-1, 5000);
    say("fallocate slot %d mode %d, %lld at %lld", which, mode, size, offset);
    told(fallocate(fd, mode, offset, size));
    break;
  }
  case 8:
    say("sync slot %d", which);
    told(chance(50) ? fsync(fd) : fdatasync(fd));
    break;
  }
}

static struct timespec some_time(void) {
  static const long long seconds[] = {0, 1, -1, 1000000000, -1000000000, 2147483647, 2147483648, -2147483648, 4000000000, -86400};
  struct timespec time_ = {.tv_sec = PICK(seconds)};
  time_.tv_nsec = (long)below(1000000000);
  unsigned odd = below(20);
  if (odd == 0)
    time_.tv_nsec = UTIME_NOW;
  else if (odd == 1)
    time_.tv_nsec = UTIME_OMIT;
  else if (odd == 2)
    time_.tv_nsec = PICK(((long[]){-1, 1000000000}));
  return time_;
}

static void do_metadata(void) {
  struct stat stat;
  int which = slot(), fd = slots[which];
  switch (below(7)) {
  case 0: case 1:
    say("fstat slot %d", which);
    if (told(fstat(fd, &stat)) == 0)
      say_stat(&stat);
    break;
  case 2: {
    mode_t mode = fd >= 0 && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode) ? directory_mode() : file_mode();
    say("fchmod slot %d %o", which, (unsigned)mode);
    if (told(fchmod(fd, mode)) == 0 && fstat(fd, &stat) == 0)
      say_stat(&stat);
    break;
  }
  case 3: {
    struct timespec times[2];
    times[0] = some_time();
    times[1] = some_time();
    say("futimens slot %d %lld.%ld %lld.%ld", which, (long long)times[0].tv_sec, (long)times[0].tv_nsec,
        (long long)times[1].tv_sec, (long)times[1].tv_nsec);
    if (told(futimens(fd, times)) == 0 && fstat(fd, &stat) == 0 && times[0].tv_nsec != UTIME_OMIT) {
      say_time("accessed", stat.st_atim);
      say_stat(&stat);
    }
    break;
  }
  case 4:
    if (fd >= 0 && is_near_the_top(fd)) {
      keep(which, -1);
      fd = -1;
    }
    say("fchdir slot %d", which);
    told(fchdir(fd));
    break;
  case 5:
    say("list slot %d", which);
    say_names(openat(fd, ".", O_RDONLY | O_DIRECTORY));
    break;
  case 6:
    say("close slot %d", which);
    told(close(fd));
    slots[which] = -1;
    break;
  }
}

/* --- on paths */

static void do_names(void) {
  static char target[5000];
  struct stat stat;
  int directory, other;
  const char *from, *to;
  switch (below(10)) {
  case 0: case 1: {
    say("mkdir");
    directory = start(), from = path();
    mode_t mode = directory_mode();
    say_path(from);
    say(" %o", (unsigned)mode);
    if (told(mkdirat(directory, from, mode)) == 0 && fstatat(directory, from, &stat, 0) == 0)
      say_stat(&stat);
    break;
  }
  case 2:
    say("rmdir");
    directory = start(), from = path();
    say_path(from);
    told(unlinkat(directory, from, AT_REMOVEDIR));
    break;
  case 3:
    say("unlink");
    directory = start(), from = path();
    say_path(from);
    told(unlinkat(directory, from, chance(3) ? 0x4000 : 0));
    break;
  case 4: case 5: {
    static const unsigned kinds[] = {0, 0, 0, 0, 1, 2, 3, 8};
    unsigned kind = PICK(kinds);
    say("rename %u", kind);
    directory = start(), from = path();
    say_path(from);
    other = start(), to = path();
    say_path(to);
    told(kind ? (int)syscall(SYS_renameat2, directory, from, other, to, kind) : renameat(directory, from, other, to));
    break;
  }
  case 6: {
    int flags = PICK(((int[]){0, 0, AT_SYMLINK_FOLLOW, 8}));
    say("link flags %x", (unsigned)flags);
    directory = start(), from = path();
    say_path(from);
    other = start(), to = path();
    say_path(to);
    told(linkat(directory, from, other, to, flags));
    break;
  }
  case 7:
    say("symlink");
    strcpy(target, path());
    /* A link that climbs could lead out of the directory, and one that names itself twice
     * over makes paths that neither side ends soon. */
    if (strstr(target, ".."))
      strcpy(target, "a");
    say_path(target);
    directory = start(), to = path();
    say_path(to);
    told(symlinkat(target, directory, to));
    break;
  case 8: {
    size_t room = PICK(((size_t[]){4200, 4200, 1, 3, 0}));
    say("readlink room %u", (unsigned)room);
    directory = start(), from = path();
    say_path(from);
    long count = tell(readlinkat(directory, from, target, room));
    if (count > 0)
      say_bytes(target, (size_t)count);
    break;
  }
  case 9: {
    static const mode_t types[] = {S_IFREG, 0, S_IFIFO, S_IFIFO, S_IFSOCK, S_IFDIR, S_IFLNK};
    mode_t type = PICK(types);
    if (!has_special_files && (type == S_IFIFO || type == S_IFSOCK))
      type = S_IFREG;
    say("mknod %s", type_name(type));
    directory = start(), from = path();
    say_path(from);
    told(mknodat(directory, from, type | file_mode(), 0));
    break;
  }
  }
}

static void do_ask(void) {
  struct stat stat;
  int directory;
  const char *text;
  switch (below(8)) {
  case 0: case 1: {
    static const int choices[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, 1};
    int flags = PICK(choices);
    say("stat flags %x", (unsigned)flags);
    directory = start(), text = chance(10) ? "" : path();
    say_path(text);
    if (told(fstatat(directory, text, &stat, flags)) == 0)
      say_stat(&stat);
    break;
  }
  case 2: {
    int mode = (int)below(9), flags = PICK(((int[]){0, 0, AT_EACCESS, AT_SYMLINK_NOFOLLOW}));
    say("access %d flags %x", mode, (unsigned)flags);
    directory = start(), text = path();
    say_path(text);
    /* Whether a file may be executed is its bits' affair; for reading and writing see
     * `file_mode`. */
    told(faccessat(directory, text, mode, flags));
    break;
  }
  case 3: {
    say("chmod");
    directory = start(), text = path();
    mode_t mode = fstatat(directory, text, &stat, 0) == 0 && S_ISDIR(stat.st_mode) ? directory_mode() : file_mode();
    say_path(text);
    say(" %o", (unsigned)mode);
    if (told(fchmodat(directory, text, mode, 0)) == 0 && fstatat(directory, text, &stat, 0) == 0)
      say_stat(&stat);
    break;
  }
  case 4: {
    struct timespec times[2];
    times[0] = some_time();
    times[1] = some_time();
    int flags = chance(40) ? AT_SYMLINK_NOFOLLOW : 0;
    say("utimens flags %x %lld.%ld %lld.%ld", (unsigned)flags, (long long)times[0].tv_sec, (long)times[0].tv_nsec,
        (long long)times[1].tv_sec, (long)times[1].tv_nsec);
    directory = start(), text = path();
    say_path(text);
    if (told(utimensat(directory, text, times, flags)) == 0 && fstatat(directory, text, &stat, flags) == 0) {
      if (times[0].tv_nsec != UTIME_OMIT)
        say_time("accessed", stat.st_atim);
      say_stat(&stat);
    }
    break;
  }
  case 5: {
    long long size = chance(10) ? -1 : between(0, 9000);
    text = path();
    say("truncate");
    say_path(text);
    say(" %lld", size);
    told(truncate(text, size));
    break;
  }
  case 6:
    text = path();
    say("list");
    say_path(text);
    say_names(open(text, O_RDONLY | O_DIRECTORY));
    break;
  case 7: {
    struct statx extended;
    unsigned mask = PICK(((unsigned[]){STATX_BASIC_STATS, STATX_SIZE, STATX_MODE | STATX_TYPE, 0x80000000u}));
    int flags = PICK(((int[]){0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, 1}));
    say("statx mask %x flags %x", mask, (unsigned)flags);
    directory = start(), text = path();
    say_path(text);
    /* More than was asked for may be told, so only that which was is shown. */
    if (told(statx(directory, text, flags, mask, &extended)) == 0) {
      say(" %d", (extended.stx_mask & mask & STATX_BASIC_STATS) == (mask & STATX_BASIC_STATS));
      if (mask & STATX_MODE)
        say(" %s %04o", type_name(extended.stx_mode), extended.stx_mode & 07777);
      if (mask & STATX_SIZE && !S_ISDIR(extended.stx_mode))
        say(" size %lld", (long long)extended.stx_size);
    }
    break;
  }
  }
}

/* --- the working directory */

static void say_working_directory(void) {
  static char room[9000], top[9000];
  static size_t top_length;
  if (!top_length) {
    int here = open(".", O_RDONLY | O_DIRECTORY);
    if (fchdir(top_fd) || !getcwd(top, sizeof top) || (here >= 0 && fchdir(here)))
      fail("tell where it was begun");
    close(here);
    top_length = strlen(top);
  }
  if (!getcwd(room, sizeof room))
    say(" = %s", error_name(errno));
  else if (!strncmp(room, top, top_length))
    say(strlen(room) > 300 ? " = %.150s..." : " = %s", room + top_length);
  else
    say(" = outside");
}

static void do_working_directory(void) {
  const char *text;
  char room[300];
  switch (below(5)) {
  case 0: case 1: case 2:
    text = path();
    say("chdir");
    say_path(text);
    told(chdir(text));
    break;
  case 3:
    say("getcwd");
    say_working_directory();
    break;
  case 4: {
    size_t size = PICK(((size_t[]){0, 1, 2, 12}));
    say("getcwd into %u", (unsigned)size);
    /* By the call itself: the library allocates for size 0 or says EINVAL. */
    long count = syscall(SYS_getcwd, room, size);
    say(" = %s", count < 0 ? error_name(errno) : "ok");
    break;
  }
  }
}

/* Directories so deep that no path names them. */
static void do_deep(void) {
  char name[256];
  int levels = between(1, 30), at = openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY), made = 0;
  memset(name, 'd', 250);
  name[250] = 0;
  say("deep %d", levels);
  for (; at >= 0 && made < levels; made++) {
    if (mkdirat(at, name, 0755) && errno != EEXIST) {
      say(" %s", error_name(errno));
      break;
    }
    int next = openat(at, name, O_RDONLY | O_DIRECTORY);
    close(at);
    at = next;
  }
  say(" made %d", made);
  if (at < 0) {
    say(" = %s", error_name(errno));
    return;
  }
  if (chance(50)) {
    told(fchdir(at));
    say_working_directory();
    int fd = open("a", O_CREAT | O_RDWR, 0644);
    tell(fd);
    if (fd >= 0)
      close(fd);
    say(" up");
    told(chdir("../.."));
    say_working_directory();
  }
  close(at);
}

/* --- extended attributes */

static void do_attribute(void) {
  static const char *const keys[] = {"user.one", "user.two", "user.one", "user.", "one", "other.one", ""};
  static char value[70000], list[2000];
  struct stat stat;
  int which = slot(), fd = slots[which], by_path = chance(60), follow = chance(70);
  const char *text = path(), *key = PICK(keys);
  if (!has_attributes)
    return;
  say("attribute");
  if (by_path)
    say_path(text);
  else
    say(" slot %d", which);
  if (by_path && !follow)
    say(" itself");
  /* What of a link, a FIFO or a socket may have attributes is asked of the file system. */
  if ((by_path ? fstatat(AT_FDCWD, text, &stat, follow ? 0 : AT_SYMLINK_NOFOLLOW) : fstat(fd, &stat)) == 0 &&
      !S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode))
    return;
  switch (below(4)) {
  case 0: case 1: {
    size_t length = chance(90) ? below(40) : 65537;
    int flags = PICK(((int[]){0, 0, XATTR_CREATE, XATTR_REPLACE, 4}));
    fill(value, length);
    say(" set %s %u bytes flags %d", key, (unsigned)length, flags);
    told(!by_path ? fsetxattr(fd, key, value, length, flags)
         : follow ? setxattr(text, key, value, length, flags)
                  : lsetxattr(text, key, value, length, flags));
    break;
  }
  case 2: {
    size_t room = PICK(((size_t[]){sizeof value, 0, 5}));
    say(" get %s into %u", key, (unsigned)room);
    long count = tell(!by_path ? fgetxattr(fd, key, value, room)
                      : follow ? getxattr(text, key, value, room)
                               : lgetxattr(text, key, value, room));
    if (count > 0 && room)
      say_bytes(value, (size_t)count);
    break;
  }
  case 3:
    if (chance(50)) {
      say(" list");
      ssize_t count = !by_path ? flistxattr(fd, list, sizeof list)
                      : follow ? listxattr(text, list, sizeof list)
                               : llistxattr(text, list, sizeof list);
      if (count < 0)
        say(" = %s", error_name(errno));
      else
        say_attributes(list, count);
    } else {
      say(" remove %s", key);
      told(!by_path ? fremovexattr(fd, key) : follow ? removexattr(text, key) : lremovexattr(text, key));
    }
    break;
  }
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 22)
    do_open();
  else if (kind < 40)
    do_data();
  else if (kind < 52)
    do_metadata();
  else if (kind < 75)
    do_names();
  else if (kind < 87)
    do_ask();
  else if (kind < 93)
    do_working_directory();
  else if (kind < 96)
    do_attribute();
  else if (kind < 97)
    do_deep();
  else if (kind < 98)
    do_temporary();
  else {
    static const mode_t masks[] = {022, 02, 077, 0};
    mode_t mask = PICK(masks);
    say("umask %o = %o", (unsigned)mask, (unsigned)umask(mask));
  }
  stay_inside();
}

static void begin(void) {
  begin_tree();
  for (int at = 0; at < SLOTS; at++)
    slots[at] = -1;
  /* Something to work on. */
  mkdir("a", 0755);
  mkdir("a/b", 0755);
  close(open("a/a", O_CREAT | O_WRONLY, 0644));
  slots[0] = open("b", O_CREAT | O_RDWR, 0644);
  slots[1] = open("a", O_RDONLY | O_DIRECTORY);
  if (write(slots[0], "what is in the file", 19) != 19 || symlink(PICK(((const char *[]){"a", "b", "a/b", "c", "a/a"})), "c"))
    fail("begin");
}

static void end(void) {
  for (int at = 0; at < SLOTS; at++)
    keep(at, -1);
  end_tree();
}

int main(int count, char **words) {
  static const Program program = {90, begin, operate, end};
  has_attributes = !is_left_out("attributes");
  has_special_files = !is_left_out("fifos");
  return run(&program, count, words);
}
