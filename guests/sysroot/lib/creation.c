/* Making files and directories with the permission bits that the program asks
 * for; wasi-libc drops them, and WASI's calls have no room for them.
 *
 * For a file they travel in path_open's lookup flags, of which WASI uses one bit:
 * bit 31 says that they are there, bits 16 to 27 hold them. So a secret file is
 * never readable by others for a moment, and it is one external call. For a
 * directory the umask is changed around the call. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-nocwd.h>
#include <wasi/libc.h>

#define WITH_PERMISSIONS 0x80000000u
#define PERMISSIONS_SHIFT 16

/* What a directory is made with, before the umask. */
#define ALL 0777

/* The bits for the one call under way: wasi-libc's functions in between cannot
 * pass them on. */
static __wasi_lookupflags_t permissions;

static int with_permissions(int directory, const char *path, int flags, mode_t mode) {
  /* wasi-libc would take it for the working directory. */
  if (!*path) {
    errno = ENOENT;
    return -1;
  }
  permissions = flags & O_CREAT ? WITH_PERMISSIONS | (mode & 07777) << PERMISSIONS_SHIFT : 0;
  int fd = directory == AT_FDCWD || *path == '/'
               ? __wasilibc_open_nomode(path, flags)
               : __wasilibc_nocwd_openat_nomode(directory, path, flags);
  permissions = 0;
  return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
  return flags & O_CREAT ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return with_permissions(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return with_permissions(directory, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
  return with_permissions(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* In place of wasi-libc's function that all of the family end in, which asks first
 * what rights the directory has. Here all of them have all rights. */
int __wasilibc_nocwd_openat_nomode(int directory, const char *path, int flags) {
  __wasi_rights_t rights =
      ~(__WASI_RIGHTS_FD_DATASYNC | __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE |
        __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE);
  switch (flags & O_ACCMODE) {
  case O_EXEC:
  case O_SEARCH:
    break;
  case O_RDONLY:
  case O_WRONLY:
  case O_RDWR:
    if (flags & O_RDONLY)
      rights |= __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_READDIR;
    if (flags & O_WRONLY)
      rights |= __WASI_RIGHTS_FD_DATASYNC | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE |
                __WASI_RIGHTS_FD_FILESTAT_SET_SIZE;
    break;
  default:
    errno = EINVAL;
    return -1;
  }
  __wasi_lookupflags_t lookup = permissions;
  if (!(flags & O_NOFOLLOW))
    lookup |= __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
  __wasi_fd_t fd;
  __wasi_errno_t error =
      __wasi_path_open(directory, lookup, path, (__wasi_oflags_t)(flags >> 12 & 0xfff), rights,
                       ~(__wasi_rights_t)0, (__wasi_fdflags_t)(flags & 0xfff), &fd);
  if (error) {
    errno = error;
    return -1;
  }
  return (int)fd;
}

/* umask is here and not left undefined, as other delegated functions are: every
 * program has this file, and a configure script that declares the function in its
 * own way would otherwise be told that there is none. */
__attribute__((import_module("env"), import_name("umask"))) mode_t delegated_umask(mode_t);

mode_t umask(mode_t bits) { return delegated_umask(bits); }

int libc_mkdirat(int, const char *, mode_t) __asm__("mkdirat");

int mkdirat(int directory, const char *path, mode_t mode) {
  mode_t kept = mode & ALL;
  if ((mode & 07777) == ALL)
    return libc_mkdirat(directory, path, mode);
  mode_t before = umask(ALL & ~kept);
  if (before & kept)
    umask(before | (ALL & ~kept));
  int outcome = libc_mkdirat(directory, path, mode), error = errno;
  umask(before);
  /* The sticky bit and its like are no part of the umask. */
  if (!outcome && mode & 07000)
    outcome = fchmodat(directory, path, mode & 07777 & ~before, 0);
  else
    errno = error;
  return outcome;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
