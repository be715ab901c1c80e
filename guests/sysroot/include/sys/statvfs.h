/* Delegated: wasi-libc's statvfs is a stub that always fails. */
#ifndef BELLGLASS_SYS_STATVFS_H
#define BELLGLASS_SYS_STATVFS_H
#include_next <sys/statvfs.h>
#include <bellglass/delegated.h>

#ifdef __cplusplus
extern "C" {
#endif
int statvfs(const char *__restrict, struct statvfs *__restrict) BELLGLASS_LIBRARY(statvfs);
int fstatvfs(int, struct statvfs *) BELLGLASS_DELEGATED(fstatvfs);
#ifdef __cplusplus
}
#endif
#endif
