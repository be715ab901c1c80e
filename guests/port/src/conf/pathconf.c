/* Limits of files by their path. musl's tells them of any text. */
#include "pathconf.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* The limits of Linux, which are the same for all files here; -1 where there is none. */
static const short limits[] = {
    [_PC_LINK_MAX] = _POSIX_LINK_MAX,
    [_PC_MAX_CANON] = _POSIX_MAX_CANON,
    [_PC_MAX_INPUT] = _POSIX_MAX_INPUT,
    [_PC_NAME_MAX] = NAME_MAX,
    [_PC_PATH_MAX] = PATH_MAX,
    [_PC_PIPE_BUF] = PIPE_BUF,
    [_PC_CHOWN_RESTRICTED] = 1,
    [_PC_NO_TRUNC] = 1,
    [_PC_VDISABLE] = 0,
    [_PC_SYNC_IO] = 1,
    [_PC_ASYNC_IO] = -1,
    [_PC_PRIO_IO] = -1,
    [_PC_SOCK_MAXBUF] = -1,
    [_PC_FILESIZEBITS] = FILESIZEBITS,
    [_PC_REC_INCR_XFER_SIZE] = 4096,
    [_PC_REC_MAX_XFER_SIZE] = 4096,
    [_PC_REC_MIN_XFER_SIZE] = 4096,
    [_PC_REC_XFER_ALIGN] = 4096,
    [_PC_ALLOC_SIZE_MIN] = 4096,
    [_PC_SYMLINK_MAX] = -1,
    [_PC_2_SYMLINKS] = 1,
};

long __limit_of_files(int name) {
  if (name < 0 || (unsigned)name >= sizeof limits / sizeof *limits) {
    errno = EINVAL;
    return -1;
  }
  return limits[name];
}

long pathconf(const char *path, int name) {
  return access(path, F_OK) < 0 ? -1 : __limit_of_files(name);
}
