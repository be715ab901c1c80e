/* Delegated: permission bits, owners and special files, which WASI lacks. Paths
 * are made absolute in our library first (../../lib/permissions.c), and so are
 * stat's permission bits, on top of WASI's own calls. */
#ifndef BELLGLASS_SYS_STAT_H
#define BELLGLASS_SYS_STAT_H
#include_next <sys/stat.h>
#include <bellglass/delegated.h>

#ifdef __cplusplus
extern "C" {
#endif
int chmod(const char *, mode_t) BELLGLASS_LIBRARY(chmod);
int fchmod(int, mode_t) BELLGLASS_DELEGATED(fchmod);
int fchmodat(int, const char *, mode_t, int) BELLGLASS_LIBRARY(fchmodat);
int mkdir(const char *, mode_t) BELLGLASS_LIBRARY(mkdir);
int mkdirat(int, const char *, mode_t) BELLGLASS_LIBRARY(mkdirat);
mode_t umask(mode_t);
int mkfifo(const char *, mode_t);
int mkfifoat(int, const char *, mode_t);
int mknod(const char *, mode_t, dev_t);
int mknodat(int, const char *, mode_t, dev_t);
#ifdef __cplusplus
}
#endif
#endif
