/* In the library: wasi-libc declares semaphores but has them only for threads. */
#ifndef BELLGLASS_SEMAPHORE_H
#define BELLGLASS_SEMAPHORE_H
#define __NEED_clockid_t
#include_next <semaphore.h>
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
int sem_clockwait(sem_t *__restrict, clockid_t, const struct timespec *__restrict);
#ifdef __cplusplus
}
#endif
#endif
