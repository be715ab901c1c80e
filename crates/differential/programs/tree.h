/* A directory of its own for each sequence, in which nothing leads out, and what is in it at
 * the end. Used by the programs that make files. */
#include <dirent.h>
#include <sys/xattr.h>

/* How deep the directory lies in which a sequence begins. A path climbs at most three times,
 * from a directory that is not closer to the top than six. */
#define DEPTH 12
#define CLOSEST 6

static int top_fd = -1;   /* of the directory that the program began in */
static int base_fd = -1;  /* of the one that the sequence began in */
static dev_t top_device;
static ino_t top_inode;

/* Moves a descriptor out of the way: those of the sequences are the lowest, as the kernel
 * gives them. */
static int out_of_the_way(int fd) {
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 100);
  close(fd);
  return high;
}

static void fail(const char *what) {
  char line[200];
  write_out(line, (size_t)snprintf(line, sizeof line, "cannot %s: %s\n", what, error_name(errno)));
  _exit(97);
}

static void begin_tree(void) {
  struct stat stat;
  umask(0);
  if (top_fd < 0) {
    top_fd = out_of_the_way(open(".", O_RDONLY | O_DIRECTORY));
    if (top_fd < 0 || fstat(top_fd, &stat))
      fail("open the directory that it was begun in");
    top_device = stat.st_dev;
    top_inode = stat.st_ino;
  }
  if (fchdir(top_fd))
    fail("go to the top");
  for (int level = 0; level < DEPTH; level++) {
    char name[16];
    snprintf(name, sizeof name, "outer%d", level);
    if ((mkdir(name, 0755) && errno != EEXIST) || chdir(name))
      fail("make the place of a sequence");
  }
  base_fd = out_of_the_way(open(".", O_RDONLY | O_DIRECTORY));
  if (base_fd < 0)
    fail("open the place of a sequence");
  umask(022);
}

/* Whether a directory is so close to the top that a path could lead out of it. */
static int is_near_the_top(int directory) {
  char path[CLOSEST * 3 + 3] = ".";
  for (int level = 0; level < CLOSEST; level++) {
    struct stat stat;
    if (fstatat(directory, path, &stat, 0) == 0 && stat.st_dev == top_device && stat.st_ino == top_inode)
      return 1;
    strcat(path, "/..");
  }
  return 0;
}

static void go_back(void) {
  if (fchdir(base_fd))
    fail("go back to the place of a sequence");
}

static const char *type_name(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG: return "file";
  case S_IFDIR: return "directory";
  case S_IFLNK: return "link";
  case S_IFIFO: return "fifo";
  case S_IFSOCK: return "socket";
  case S_IFCHR: return "character";
  case S_IFBLK: return "block";
  case 0: return "none";
  default: return "unknown";
  }
}

/* A time: one that was set as it is, one of today as that, for two runs are not made at the
 * same moment. */
static void say_time(const char *name, struct timespec time_) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (time_.tv_sec > now.tv_sec - 100000 && time_.tv_sec <= now.tv_sec + 1)
    say(" %s now", name);
  else
    say(" %s %lld.%09ld", name, (long long)time_.tv_sec, (long)time_.tv_nsec);
}

/* What stat tells. Masked: device and inode, which are the system's own; user and group,
 * which differ with who runs it; the size of directories, and blocks, which each file system
 * counts in its own way; the access time, for a mount says when that is kept. */
static void say_stat(const struct stat *stat) {
  say(" %s %04o links %u", type_name(stat->st_mode), (unsigned)(stat->st_mode & 07777), (unsigned)stat->st_nlink);
  if (!S_ISDIR(stat->st_mode))
    say(" size %lld", (long long)stat->st_size);
  say_time("modified", stat->st_mtim);
}

static int order(const void *one, const void *other) { return strcmp(*(char *const *)one, *(char *const *)other); }

/* The names in a directory, and what type the list says each has: sorted, for each file
 * system has an order of its own. */
static void say_names(int directory) {
  char *names[300];
  unsigned count = 0;
  DIR *stream = directory < 0 ? 0 : fdopendir(directory);
  if (!stream) {
    say(" no list: %s", error_name(errno));
    if (directory >= 0)
      close(directory);
    return;
  }
  struct dirent *entry;
  while (count < COUNT(names) && (errno = 0, entry = readdir(stream))) {
    static const char *types[] = {"?", "p", "c", "?", "d", "?", "b", "?", "f", "?", "l", "?", "s"};
    char *name = malloc(strlen(entry->d_name) + 3);
    sprintf(name, "%s:%s", entry->d_name, entry->d_type < COUNT(types) ? types[entry->d_type] : "?");
    names[count++] = name;
  }
  if (errno)
    say(" ended by %s", error_name(errno));
  closedir(stream);
  qsort(names, count, sizeof *names, order);
  for (unsigned at = 0; at < count; at++) {
    say(strlen(names[at]) > 20 ? " %.10s(%u)" : " %s", names[at], (unsigned)strlen(names[at]));
    free(names[at]);
  }
}

/* The names of attributes, sorted. Masked: those that are not a user's, which the system may
 * add (a label of a security module). */
static void say_attributes(char *list, ssize_t length) {
  char *names[64];
  unsigned count = 0;
  for (char *name = list; name < list + length && count < COUNT(names); name += strlen(name) + 1)
    if (!strncmp(name, "user.", 5))
      names[count++] = name;
  qsort(names, count, sizeof *names, order);
  for (unsigned at = 0; at < count; at++)
    say(" %s", names[at]);
}

static int has_attributes = 1;

/* Everything below a directory, and its end. */
static void say_and_remove(int directory, const char *path, int level) {
  char *names[300];
  unsigned count = 0;
  int own = dup(directory);
  DIR *stream = own < 0 ? 0 : fdopendir(own);
  if (!stream) {
    say("|%s: no list: %s", path, error_name(errno));
    return;
  }
  rewinddir(stream);
  struct dirent *entry;
  while (count < COUNT(names) && (entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      names[count++] = strdup(entry->d_name);
  closedir(stream);
  qsort(names, count, sizeof *names, order);
  for (unsigned at = 0; at < count; at++) {
    struct stat stat;
    char whole[200];
    snprintf(whole, sizeof whole, "%s/%.20s", strlen(path) > 100 ? "..." : path, names[at]);
    say("|%s", whole);
    if (fstatat(directory, names[at], &stat, AT_SYMLINK_NOFOLLOW)) {
      say(": %s", error_name(errno));
    } else {
      say_stat(&stat);
      if (S_ISLNK(stat.st_mode)) {
        char target[300];
        ssize_t length = readlinkat(directory, names[at], target, sizeof target - 1);
        say(" to %.*s", length < 0 ? 1 : (int)length, length < 0 ? "?" : target);
      } else if (S_ISREG(stat.st_mode)) {
        int fd = openat(directory, names[at], O_RDONLY);
        static char bytes[1 << 15];
        ssize_t length = read(fd, bytes, sizeof bytes);
        if (length < 0)
          say(" unread: %s", error_name(errno));
        else
          say_bytes(bytes, (size_t)length);
        length = has_attributes ? flistxattr(fd, bytes, sizeof bytes) : 0;
        if (length > 0)
          say_attributes(bytes, length);
        close(fd);
      } else if (S_ISDIR(stat.st_mode)) {
        int below_it = openat(directory, names[at], O_RDONLY | O_DIRECTORY);
        if (below_it < 0)
          say(" unopened: %s", error_name(errno));
        else if (level > 200)
          say(" too deep");
        else
          say_and_remove(below_it, whole, level + 1);
        close(below_it);
      }
    }
    if (unlinkat(directory, names[at], S_ISDIR(stat.st_mode) ? AT_REMOVEDIR : 0))
      say(" stays: %s", error_name(errno));
    free(names[at]);
  }
}

static void end_tree(void) {
  umask(022);
  if (fchdir(top_fd))
    fail("go to the top");
  close(base_fd);
  base_fd = -1;
  say("tree:");
  say_and_remove(top_fd, "", 0);
}
