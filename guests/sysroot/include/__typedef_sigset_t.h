/* wasi-libc has one byte for this; here a set has a bit for each signal. */
#ifndef __wasilibc___typedef_sigset_t_h
#define __wasilibc___typedef_sigset_t_h
typedef struct __sigset_t {
  unsigned long __bits[2];
} sigset_t;
#endif
