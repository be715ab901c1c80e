/* In the library: maps, made of malloc and the file's own calls. Delegated:
 * shm_open and shm_unlink. */
#ifndef BELLGLASS_SYS_MMAN_H
#define BELLGLASS_SYS_MMAN_H
#ifndef _WASI_EMULATED_MMAN
#define _WASI_EMULATED_MMAN 1
#endif
#include_next <sys/mman.h>
#ifdef __cplusplus
extern "C" {
#endif
int shm_open(const char *, int, mode_t);
int shm_unlink(const char *);
int mlock(const void *, size_t);
int munlock(const void *, size_t);
#ifdef __cplusplus
}
#endif
#endif
