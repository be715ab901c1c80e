/* Two old calls, made of the ones that WASI has. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

static const struct timespec *convert(const struct timeval from[2],
                                      struct timespec to[2]) {
  if (!from)
    return 0;
  for (int i = 0; i < 2; i++) {
    to[i].tv_sec = from[i].tv_sec;
    to[i].tv_nsec = (long)from[i].tv_usec * 1000;
  }
  return to;
}

int futimes(int fd, const struct timeval times[2]) {
  struct timespec converted[2];
  return futimens(fd, convert(times, converted));
}

int lutimes(const char *path, const struct timeval times[2]) {
  struct timespec converted[2];
  return utimensat(AT_FDCWD, path, convert(times, converted),
                   AT_SYMLINK_NOFOLLOW);
}
