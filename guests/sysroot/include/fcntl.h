/* In the library: fcntl. The commands that WASI has (F_GETFD, F_SETFD,
 * F_GETFL, F_SETFL) go to wasi-libc, all others are the external call
 * `env.fcntl(iii)i` with the third argument by value. And what makes a file, with
 * the permission bits that wasi-libc drops (../lib/creation.c). */
#ifndef BELLGLASS_FCNTL_H
#define BELLGLASS_FCNTL_H
#include_next <fcntl.h>
#include <bellglass/delegated.h>

/* Linux's numbers: wasi-libc gives these names none. */
#define F_DUPFD 0
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_SETOWN 8
#define F_GETOWN 9
#define F_DUPFD_CLOEXEC 1030
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#ifdef __cplusplus
extern "C" {
#endif
int fcntl(int, int, ...) BELLGLASS_LIBRARY(fcntl);
int open(const char *, int, ...) BELLGLASS_LIBRARY(open);
int openat(int, const char *, int, ...) BELLGLASS_LIBRARY(openat);
int creat(const char *, mode_t) BELLGLASS_LIBRARY(creat);
#ifdef __cplusplus
}
#endif
#endif
