/* Waiting for signals. */
#include "import.h"

#include "signals.h"

#include <time.h>

IMPORT(ppoll_time64, 5)

/* Sleeps until a signal comes, whatever it does, or the time is over; what is left of
 * the time is in it then. */
static long sleep(struct timespec *time) { return __external_ppoll_time64(0, 0, (long)time, 0, 0); }

long __call_rt_sigsuspend(long mask, long size) {
  if (size != MASK_SIZE)
    return -EINVAL;
  look_at_signals();
  uint64_t before = __signals_blocked;
  __set_signal_mask(mask_at((const void *)mask));
  for (;;) {
    /* Only a handler ends it. */
    if (__run_handlers_and_restore(before) != NONE_RAN)
      return -EINTR;
    long result = sleep(0);
    if (result < 0 && result != -EINTR) {
      __set_signal_mask(before);
      (void)__run_handlers();
      return result;
    }
    __collect_signals();
  }
}

/* Takes one of the set that waits: its number, or 0. */
static int take(uint64_t set, long information) {
  siginfo_t taken;
  int signal = __take_signal(set, &taken);
  if (signal && information)
    *(siginfo_t *)information = taken;
  return signal;
}

/* Those of a set that are not to run a handler while they are waited for. What is not
 * blocked and has none ends the process, or is ignored, as always. */
static uint64_t with_handlers(uint64_t set) {
  uint64_t found = 0;
  for (uint64_t left = set; left; left &= left - 1) {
    int signal = __builtin_ctzll(left) + 1;
    void (*handler)(int) = __signal_actions[signal].handler;
    if (handler != SIG_DFL && handler != SIG_IGN)
      found |= bit_of(signal);
  }
  return found;
}

long __call_rt_sigtimedwait_time64(long mask, long information, long time, long size) {
  if (size != MASK_SIZE)
    return -EINVAL;
  uint64_t set = mask_at((const void *)mask) & ~(bit_of(SIGKILL) | bit_of(SIGSTOP));
  struct timespec left = {0};
  if (time) {
    left = *(const struct timespec *)time;
    if (left.tv_sec < 0 || left.tv_nsec < 0 || left.tv_nsec >= 1000000000)
      return -EINVAL;
  }
  look_at_signals();
  uint64_t before = __signals_blocked;
  __set_signal_mask(before | with_handlers(set));
  long result;
  for (;;) {
    result = take(set, information);
    if (result || __run_handlers() != NONE_RAN) {
      if (!result)
        result = -EINTR;
      break;
    }
    if (time && left.tv_sec == 0 && left.tv_nsec == 0) {
      result = -EAGAIN;
      break;
    }
    long slept = sleep(time ? &left : 0);
    __collect_signals();
    if (slept < 0 && slept != -EINTR) {
      result = slept;
      break;
    }
    if (slept == 0)
      left = (struct timespec){0};
  }
  __set_signal_mask(before);
  (void)__run_handlers();
  return result;
}
