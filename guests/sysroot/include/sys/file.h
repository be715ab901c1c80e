/* Delegated: flock, which wasi-libc does not have. */
#ifndef BELLGLASS_SYS_FILE_H
#define BELLGLASS_SYS_FILE_H
#include_next <sys/file.h>
#ifdef __cplusplus
extern "C" {
#endif
int flock(int, int);
#ifdef __cplusplus
}
#endif
#endif
