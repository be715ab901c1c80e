/* Sleeping that can be interrupted: wasi-libc's own turns an EINTR of the system
 * into ENOTSUP, and Ctrl-C during time.sleep into an OSError. */
#include "signals.h"
#include <errno.h>
#include <time.h>

static unsigned long long nanoseconds(const struct timespec *time) {
  return (unsigned long long)time->tv_sec * 1000000000ull + time->tv_nsec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request,
                    struct timespec *remaining) {
  if (request->tv_sec < 0 || request->tv_nsec < 0 || request->tv_nsec >= 1000000000)
    return EINVAL;
  __wasi_clockid_t id;
  if (clock == CLOCK_REALTIME)
    id = __WASI_CLOCKID_REALTIME;
  else if (clock == CLOCK_MONOTONIC)
    id = __WASI_CLOCKID_MONOTONIC;
  else
    return ENOTSUP;
  __wasi_subscription_t subscription = {
      .u.tag = __WASI_EVENTTYPE_CLOCK,
      .u.u.clock.id = id,
      .u.u.clock.timeout = nanoseconds(request),
      .u.u.clock.flags = flags & TIMER_ABSTIME ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0,
  };
  struct timespec begun, now;
  struct interruptible wait = bellglass_before_wait();
  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (;;) {
    __wasi_event_t event;
    __wasi_size_t count;
    int error = bellglass_poll_oneoff(&subscription, &event, 1, &count);
    if (error == 0)
      error = event.error;
    if (error != EINTR)
      return error;
    int goes_on = bellglass_goes_on(&wait);
    if (!(flags & TIMER_ABSTIME)) {
      clock_gettime(CLOCK_MONOTONIC, &now);
      unsigned long long slept = nanoseconds(&now) - nanoseconds(&begun);
      unsigned long long wanted = nanoseconds(request);
      unsigned long long left = slept < wanted ? wanted - slept : 0;
      subscription.u.u.clock.timeout = left;
      if (remaining && !goes_on) {
        remaining->tv_sec = (time_t)(left / 1000000000ull);
        remaining->tv_nsec = (long)(left % 1000000000ull);
      }
    }
    if (!goes_on)
      return error;
  }
}
