/* Calls that end after any handler, and go on after a signal that runs none. Where one
 * has a time, the controller writes what is left of it into the program's own when a
 * signal comes, so that going on does not begin the time anew. */
#include "import.h"

#include "signals.h"

#include <time.h>

/* --- without a mask and without a time that would have to be kept */

#define WAITS(name, count, parameters) \
  IMPORT(name, count) \
  long __call_##name parameters { \
    long result; \
    do { \
      look_at_signals(); \
      result = __external_##name(__GIVEN_##count); \
    } while (begins_again(result, AFTER_NONE)); \
    return result; \
  }

WAITS(msgrcv, 5, (long a, long b, long c, long d, long e))
WAITS(msgsnd, 4, (long a, long b, long c, long d))
WAITS(semop, 3, (long a, long b, long c))
WAITS(semtimedop_time64, 4, (long a, long b, long c, long d))
WAITS(mq_timedreceive_time64, 5, (long a, long b, long c, long d, long e))
WAITS(recvmmsg_time64, 5, (long a, long b, long c, long d, long e))
WAITS(io_uring_enter, 6, (long a, long b, long c, long d, long e, long f))

/* --- sleeping */

IMPORT(nanosleep, 2)
IMPORT(clock_nanosleep_time64, 4)

/* Sleeps for a length of time; what is left of it after a handler goes to `rest`. */
static long sleep_for(long clock, const struct timespec *length, struct timespec *rest) {
  struct timespec left = *length;
  long result;
  do {
    struct timespec now = left;
    look_at_signals();
    result = __external_clock_nanosleep_time64(clock, 0, (long)&now, (long)&left);
  } while (begins_again(result, AFTER_NONE));
  if (result == -EINTR && rest)
    *rest = left;
  return result;
}

long __call_clock_nanosleep_time64(long clock, long flags, long time, long rest) {
  if (!(flags & TIMER_ABSTIME))
    return sleep_for(clock, (const struct timespec *)time, (struct timespec *)rest);
  long result;
  do {
    look_at_signals();
    result = __external_clock_nanosleep_time64(clock, flags, time, rest);
  } while (begins_again(result, AFTER_NONE));
  return result;
}

long __call_nanosleep(long time, long rest) {
  return sleep_for(CLOCK_MONOTONIC, (const struct timespec *)time, (struct timespec *)rest);
}

/* --- waiting for descriptors, perhaps with another mask meanwhile */

/* The arguments of such a call, and how it is asked whether anything is there already. */
struct waiting {
  long a, b, c, d;
  const void *mask;
  long (*wait)(struct waiting *);
  long (*ask)(struct waiting *);
};

static long wait_with_mask(struct waiting *waiting) {
  uint64_t before = __signals_blocked;
  __set_signal_mask(mask_at(waiting->mask));
  for (;;) {
    long result;
    tell_waiting_signals();
    /* What is there already counts for more than a signal that has waited. */
    if (__signals_waiting & ~__signals_blocked) {
      result = waiting->ask(waiting);
      if (result == 0) {
        if (__run_handlers_and_restore(before) != NONE_RAN)
          return -EINTR;
        continue;
      }
    } else {
      result = waiting->wait(waiting);
    }
    __collect_signals();
    if (result == -EINTR) {
      if (__run_handlers_and_restore(before) != NONE_RAN)
        return -EINTR;
      continue;
    }
    __set_signal_mask(before);
    (void)__run_handlers();
    return result;
  }
}

static long wait_for_descriptors(struct waiting *waiting) {
  long result;
  look_at_signals();
  if (waiting->mask)
    return wait_with_mask(waiting);
  do {
    look_at_signals();
    tell_waiting_signals();
    result = waiting->wait(waiting);
  } while (begins_again(result, AFTER_NONE));
  return result;
}

static struct timespec none = {0, 0};

IMPORT(ppoll_time64, 5)
static long ppoll_waits(struct waiting *w) { return __external_ppoll_time64(w->a, w->b, w->c, 0, 0); }
static long ppoll_asks(struct waiting *w) { return __external_ppoll_time64(w->a, w->b, (long)&none, 0, 0); }

long __call_ppoll_time64(long descriptors, long count, long time, long mask, long size) {
  if (mask && size != MASK_SIZE)
    return -EINVAL;
  struct waiting waiting = {descriptors, count, time, 0, (const void *)mask, ppoll_waits, ppoll_asks};
  return wait_for_descriptors(&waiting);
}

IMPORT(pselect6_time64, 6)

/* The sets are of the call both ways: asked for what is there, it would forget them. */
struct selecting {
  struct waiting waiting;
  long time;
};
static long pselect_waits(struct waiting *w) {
  return __external_pselect6_time64(w->a, w->b, w->c, w->d, ((struct selecting *)w)->time, 0);
}
static long pselect_asks(struct waiting *w) {
  enum { WORDS = 1024 / 32 };
  unsigned long words = ((unsigned long)w->a + 31) / 32, kept[3][WORDS];
  unsigned long *sets[3] = {(unsigned long *)w->b, (unsigned long *)w->c, (unsigned long *)w->d};
  if (words > WORDS)
    words = WORDS;
  for (int i = 0; i < 3; i++)
    if (sets[i])
      __builtin_memcpy(kept[i], sets[i], words * sizeof **sets);
  long result = __external_pselect6_time64(w->a, w->b, w->c, w->d, (long)&none, 0);
  for (int i = 0; i < 3 && result == 0; i++)
    if (sets[i])
      __builtin_memcpy(sets[i], kept[i], words * sizeof **sets);
  return result;
}

long __call_pselect6_time64(long count, long reading, long writing, long failing, long time, long mask) {
  const struct {
    const void *mask;
    unsigned long size;
  } *given = (const void *)mask;
  if (given && given->mask && given->size != MASK_SIZE)
    return -EINVAL;
  struct selecting selecting = {
      {count, reading, writing, failing, given ? given->mask : 0, pselect_waits, pselect_asks}, time};
  return wait_for_descriptors(&selecting.waiting);
}

IMPORT(epoll_pwait2, 6)
static long epoll_waits(struct waiting *w) { return __external_epoll_pwait2(w->a, w->b, w->c, w->d, 0, 0); }
static long epoll_asks(struct waiting *w) { return __external_epoll_pwait2(w->a, w->b, w->c, (long)&none, 0, 0); }

long __call_epoll_pwait2(long epoll, long events, long count, long time, long mask, long size) {
  if (mask && size != MASK_SIZE)
    return -EINVAL;
  struct timespec left;
  if (time) {
    left = *(const struct timespec *)time;
    time = (long)&left;
  }
  struct waiting waiting = {epoll, events, count, time, (const void *)mask, epoll_waits, epoll_asks};
  return wait_for_descriptors(&waiting);
}

/* Its time is a number, in which nothing can be written back. */
long __call_epoll_pwait(long epoll, long events, long count, long milliseconds, long mask, long size) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  return __call_epoll_pwait2(epoll, events, count, milliseconds < 0 ? 0 : (long)&time, mask, size);
}
