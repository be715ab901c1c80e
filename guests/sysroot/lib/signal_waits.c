/* Waiting for signals. */
#include "signals.h"
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int env_pause(void) BELLGLASS_DELEGATED(pause);

int pause(void) {
  struct interruptible wait = bellglass_before_wait();
  /* It returns for every signal; one that is ignored or blocked is none. */
  while (env_pause() && errno == EINTR && bellglass_goes_on(&wait))
    ;
  return -1;
}

int sigsuspend(const sigset_t *set) {
  sigset_t before = bellglass_mask;
  struct interruptible wait = bellglass_before_wait();
  bellglass_set_mask(set);
  bellglass_deliver_signals();
  int error = EINTR;
  if (wait.handlers == bellglass_handlers_run) {
    do {
      env_pause();
      error = errno;
    } while (error == EINTR && bellglass_goes_on(&wait));
  }
  bellglass_set_mask(&before);
  bellglass_deliver_signals();
  errno = error;
  return -1;
}

/* Takes one of the set that waits: its number, or 0. */
static int take_waiting(const sigset_t *set, siginfo_t *info) {
  for (int signal = 1; signal <= LAST; signal++)
    if (sigismember(set, signal) && sigismember(&bellglass_waiting, signal)) {
      sigdelset(&bellglass_waiting, signal);
      if (info)
        *info = bellglass_information[signal];
      return signal;
    }
  return 0;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Sleeps until a signal comes, whatever it does, or the time is over. */
static int sleep_until(uint64_t end) {
  __wasi_subscription_t subscription = {
      .u.tag = __WASI_EVENTTYPE_CLOCK,
      .u.u.clock.id = __WASI_CLOCKID_MONOTONIC,
      .u.u.clock.timeout = end,
      .u.u.clock.flags = __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME,
  };
  __wasi_event_t event;
  __wasi_size_t count;
  int error = bellglass_poll_oneoff(&subscription, &event, 1, &count);
  return error ? error : event.error;
}

/* Until there is one of the set (its number), or a handler of another has run or
 * the time is over (-1, and why in errno). */
static int wait_for_one(const sigset_t *set, siginfo_t *info, const struct timespec *time) {
  uint64_t end = 0;
  if (time) {
    if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1000000000) {
      errno = EINVAL;
      return -1;
    }
    uint64_t length = (uint64_t)time->tv_nsec, begin = now();
    if (__builtin_mul_overflow((uint64_t)time->tv_sec, 1000000000, &end) ||
        __builtin_add_overflow(end, length, &end) || __builtin_add_overflow(end, begin, &end))
      end = UINT64_MAX;
  }
  struct interruptible wait = bellglass_before_wait();
  for (;;) {
    int signal = take_waiting(set, info);
    if (signal)
      return signal;
    int error = time ? sleep_until(end) : env_pause() ? errno : EINTR;
    int goes_on = bellglass_goes_on(&wait);
    if (error == EINTR && goes_on)
      continue;
    /* One that came with the end of the time, or with a handler, counts. */
    signal = take_waiting(set, info);
    if (signal)
      return signal;
    errno = error ? error : EAGAIN;
    return -1;
  }
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) { return wait_for_one(set, info, 0); }

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict time) {
  return wait_for_one(set, info, time);
}

int sigwait(const sigset_t *set, int *signal) {
  for (;;) {
    unsigned handlers = bellglass_handlers_run;
    *signal = wait_for_one(set, 0, 0);
    if (*signal > 0)
      return 0;
    /* Others' handlers do not end it. */
    if (errno != EINTR || handlers == bellglass_handlers_run)
      return errno;
  }
}
