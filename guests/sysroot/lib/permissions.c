/* Permission bits, owners and sizes of file systems, with paths that mean what
 * the program means: wasi-libc keeps the working directory inside the guest, so
 * a path is first taken apart here into a directory's descriptor and the rest.
 * And stat with permission bits, which WASI's structure has no field for: they
 * stand in its padding, at offset 18 (0 from a system that does not tell). */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-find-relpath.h>

#include <bellglass/delegated.h>
#include <bellglass/run.h>

int env_fchmodat(int, const char *, mode_t, int) BELLGLASS_DELEGATED(fchmodat);
int env_fchownat(int, const char *, uid_t, gid_t, int) BELLGLASS_DELEGATED(fchownat);
int env_statvfs(const char *, struct statvfs *) BELLGLASS_DELEGATED(statvfs);

/* The library's names, which the headers give to chmod and its family. */
int bellglass_chmod(const char *, mode_t) __asm__("bellglass_chmod");
int bellglass_fchmodat(int, const char *, mode_t, int) __asm__("bellglass_fchmodat");
int bellglass_chown(const char *, uid_t, gid_t) __asm__("chown");
int bellglass_lchown(const char *, uid_t, gid_t) __asm__("lchown");
int bellglass_fchownat(int, const char *, uid_t, gid_t, int) __asm__("fchownat");
int bellglass_statvfs(const char *, struct statvfs *) __asm__("bellglass_statvfs");

/* The absolute path that `path` means, to be freed; the one preopen is "/". */
static char *absolute(const char *path) {
  const char *prefix;
  size_t length = 64;
  char *relative = malloc(length), *whole = 0;
  if (!relative)
    return 0;
  int fd = __wasilibc_find_relpath_alloc
               ? __wasilibc_find_relpath_alloc(path, &prefix, &relative, &length, 1)
               : -1;
  if (fd >= 0 && (whole = malloc(strlen(relative) + 2))) {
    whole[0] = '/';
    strcpy(whole + 1, relative);
  }
  free(relative);
  return whole;
}

#define WITH_ABSOLUTE(path, call)                                             \
  do {                                                                        \
    char *whole = absolute(path);                                             \
    if (!whole)                                                               \
      return -1;                                                              \
    int outcome = call;                                                       \
    free(whole);                                                              \
    return outcome;                                                           \
  } while (0)

int bellglass_fchmodat(int fd, const char *path, mode_t mode, int flags) {
  if (fd != AT_FDCWD)
    return env_fchmodat(fd, path, mode, flags);
  WITH_ABSOLUTE(path, env_fchmodat(AT_FDCWD, whole, mode, flags));
}

int bellglass_chmod(const char *path, mode_t mode) {
  return bellglass_fchmodat(AT_FDCWD, path, mode, 0);
}

int bellglass_fchownat(int fd, const char *path, uid_t user, gid_t group, int flags) {
  if (fd != AT_FDCWD)
    return env_fchownat(fd, path, user, group, flags);
  WITH_ABSOLUTE(path, env_fchownat(AT_FDCWD, whole, user, group, flags));
}

int bellglass_chown(const char *path, uid_t user, gid_t group) {
  return bellglass_fchownat(AT_FDCWD, path, user, group, 0);
}

int bellglass_lchown(const char *path, uid_t user, gid_t group) {
  return bellglass_fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

int bellglass_statvfs(const char *path, struct statvfs *result) {
  WITH_ABSOLUTE(path, env_statvfs(whole, result));
}

static void convert(const __wasi_filestat_t *from, struct stat *to) {
  static const mode_t types[] = {0, S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG, S_IFSOCK, S_IFSOCK, S_IFLNK};
  uint16_t permissions;
  memcpy(&permissions, (const char *)from + 18, sizeof permissions);
  memset(to, 0, sizeof *to);
  to->st_dev = from->dev;
  to->st_ino = from->ino;
  to->st_nlink = from->nlink;
  to->st_mode = (from->filetype < 8 ? types[from->filetype] : 0) | permissions;
  /* They never change in a run, and each is an external call. */
  static uid_t user;
  static gid_t group;
  static unsigned asked_in;
  if (asked_in != bellglass_run_number) {
    user = getuid();
    group = getgid();
    asked_in = bellglass_run_number;
  }
  to->st_uid = user;
  to->st_gid = group;
  to->st_size = (off_t)from->size;
  to->st_blksize = 4096;
  to->st_blocks = (blkcnt_t)((from->size + 511) / 512);
  const __wasi_timestamp_t times[3] = {from->atim, from->mtim, from->ctim};
  struct timespec *fields[3] = {&to->st_atim, &to->st_mtim, &to->st_ctim};
  for (int i = 0; i < 3; i++) {
    fields[i]->tv_sec = (time_t)(times[i] / 1000000000);
    fields[i]->tv_nsec = (long)(times[i] % 1000000000);
  }
}

/* In place of wasi-libc's two functions that all of the family end in. */
int fstat(int fd, struct stat *result) {
  __wasi_filestat_t stat;
  memset(&stat, 0, sizeof stat);
  __wasi_errno_t error = __wasi_fd_filestat_get(fd, &stat);
  if (error) {
    errno = error;
    return -1;
  }
  convert(&stat, result);
  return 0;
}

int __wasilibc_nocwd_fstatat(int fd, const char *path, struct stat *result, int flags) {
  __wasi_filestat_t stat;
  memset(&stat, 0, sizeof stat);
  __wasi_lookupflags_t lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
  __wasi_errno_t error = __wasi_path_filestat_get(fd, lookup, path, &stat);
  if (error) {
    errno = error;
    return -1;
  }
  convert(&stat, result);
  return 0;
}
