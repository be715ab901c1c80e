/* How musl's numbered calls become functions. Each call of calls.txt is a function
 * __call_NAME with as many words as the table says; calls.h, which is generated, lists
 * them. With a number that is a constant all but one of the cases go away, so that a
 * program imports the calls that it makes and no others. */
#include "calls.h"

#define __WORDS_0 void
#define __WORDS_1 long
#define __WORDS_2 long, long
#define __WORDS_3 long, long, long
#define __WORDS_4 long, long, long, long
#define __WORDS_5 long, long, long, long, long
#define __WORDS_6 long, long, long, long, long, long

#define __GIVEN_0
#define __GIVEN_1 a
#define __GIVEN_2 a, b
#define __GIVEN_3 a, b, c
#define __GIVEN_4 a, b, c, d
#define __GIVEN_5 a, b, c, d, e
#define __GIVEN_6 a, b, c, d, e, f

#define __DECLARE_CALL(number, name, count, kind) hidden long __call_##name(__WORDS_##count);
__ALL_CALLS(__DECLARE_CALL)
#undef __DECLARE_CALL

#define __CASE_OF_CALL(number, name, count, kind) \
  case number: \
    return __call_##name(__GIVEN_##count);

__attribute__((always_inline)) static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f) {
  switch (n) {
    __ALL_CALLS(__CASE_OF_CALL)
  default:
    return -ENOSYS;
  }
}
#undef __CASE_OF_CALL

#define __CALL_WITH(count, parameters, ...) \
  __attribute__((always_inline)) static inline long __syscall##count parameters { return __syscall6(__VA_ARGS__); }
__CALL_WITH(0, (long n), n, 0, 0, 0, 0, 0, 0)
__CALL_WITH(1, (long n, long a), n, a, 0, 0, 0, 0, 0)
__CALL_WITH(2, (long n, long a, long b), n, a, b, 0, 0, 0, 0)
__CALL_WITH(3, (long n, long a, long b, long c), n, a, b, c, 0, 0, 0)
__CALL_WITH(4, (long n, long a, long b, long c, long d), n, a, b, c, d, 0, 0)
__CALL_WITH(5, (long n, long a, long b, long c, long d, long e), n, a, b, c, d, e, 0)
#undef __CALL_WITH

/* A call at which a thread may be cancelled. musl makes it through a function with a
 * number that nobody knows; here it is the call itself, after a look at whether there
 * is anything to cancel. pthread_cancel sets the pointer. */
extern hidden long (*__cancellation_point)(void);

__attribute__((always_inline)) static inline long __syscall_cp(long n, long a, long b, long c, long d, long e, long f) {
  if (__builtin_expect(__cancellation_point != 0, 0) && n != __NR_close) {
    long cancelled = __cancellation_point();
    if (cancelled)
      return cancelled;
  }
  return __syscall6(n, a, b, c, d, e, f);
}

/* A 64-bit argument is two words, the low one first. */
#define __SYSCALL_LL_E(x) (long)(x), (long)((unsigned long long)(x) >> 32)
#define __SYSCALL_LL_O(x) __SYSCALL_LL_E((x))

#define IPC_64 0
