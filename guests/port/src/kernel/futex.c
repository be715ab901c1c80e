/* Futexes of a process that has one thread: nobody else could wake it, so that a wait
 * lasts until its time is over or a handler runs. */
#include "import.h"

#include "signals.h"

#include <limits.h>
#include <time.h>

#include "futex.h"
#include "pthread_impl.h"

#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI 12
#define FUTEX_LOCK_PI2 13
#define FUTEX_OF_OTHERS 0x40000000u
#define FUTEX_WAITERS 0x80000000u

static int is_time(const struct timespec *time) {
  return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

IMPORT(ppoll_time64, 5)

/* For ever, or until a handler has changed the word. */
static long wait_for_ever(volatile unsigned *word, unsigned value) {
  long result;
  do {
    look_at_signals();
    if (*word != value)
      return -EAGAIN;
    result = __external_ppoll_time64(0, 0, 0, 0, 0);
  } while (begins_again(result, AFTER_RESTARTING));
  return result;
}

static long wait_until(long operation, const struct timespec *time, int is_absolute) {
  long result;
  if (is_absolute)
    result = __syscall(SYS_clock_nanosleep_time64, operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                       TIMER_ABSTIME, time, 0);
  else
    result = __syscall(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, time, 0);
  return result ? result : -ETIMEDOUT;
}

/* What FUTEX_WAKE_OP does to the second word. */
static long change(volatile unsigned *word, unsigned how) {
  int argument = (int)(how << 8) >> 20;
  if (how >> 31)
    argument = (int)(1u << (argument & 31));
  switch (how >> 28 & 7) {
  case 0:
    *word = (unsigned)argument;
    return 0;
  case 1:
    *word += (unsigned)argument;
    return 0;
  case 2:
    *word |= (unsigned)argument;
    return 0;
  case 3:
    *word &= ~(unsigned)argument;
    return 0;
  case 4:
    *word ^= (unsigned)argument;
    return 0;
  default:
    return -ENOSYS;
  }
}

long __call_futex_time64(long address, long operation, long value, long time, long second, long third) {
  volatile unsigned *word = (volatile unsigned *)address;
  const struct timespec *limit = (const struct timespec *)time;
  long kind = operation & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
  if (address % 4)
    return -EINVAL;
  unsigned own = (unsigned)__pthread_self()->tid;
  switch (kind) {
  case FUTEX_WAIT_BITSET:
    if (!third)
      return -EINVAL;
    /* fall through */
  case FUTEX_WAIT:
    if (limit && !is_time(limit))
      return -EINVAL;
    if (*word != (unsigned)value)
      return -EAGAIN;
    if (!limit)
      return wait_for_ever(word, (unsigned)value);
    return wait_until(operation, limit, kind == FUTEX_WAIT_BITSET);
  case FUTEX_WAKE_BITSET:
    return third ? 0 : -EINVAL;
  case FUTEX_WAKE:
    return 0;
  case FUTEX_REQUEUE:
    return value < 0 || time < 0 ? -EINVAL : 0;
  case FUTEX_CMP_REQUEUE:
    return value < 0 || time < 0 ? -EINVAL : *word != (unsigned)third ? -EAGAIN : 0;
  case FUTEX_WAKE_OP:
    return second % 4 ? -EINVAL : change((volatile unsigned *)second, (unsigned)third);
  case FUTEX_LOCK_PI:
  case FUTEX_LOCK_PI2:
  case FUTEX_TRYLOCK_PI:
    if ((*word & ~(FUTEX_WAITERS | FUTEX_OF_OTHERS)) == own)
      return -EDEADLK;
    if (*word & ~(FUTEX_WAITERS | FUTEX_OF_OTHERS)) {
      if (kind == FUTEX_TRYLOCK_PI)
        return -EAGAIN;
      return limit ? wait_until(operation | FUTEX_CLOCK_REALTIME, limit, 1) : wait_for_ever(word, *word);
    }
    *word = own | (*word & FUTEX_OF_OTHERS);
    return 0;
  case FUTEX_UNLOCK_PI:
    if ((*word & ~(FUTEX_WAITERS | FUTEX_OF_OTHERS)) != own)
      return -EPERM;
    *word = 0;
    return 0;
  default:
    return -ENOSYS;
  }
}
