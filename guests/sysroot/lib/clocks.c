/* CPU time from the one call that knows it: wasi-libc's clock and times
 * return wall time. */
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>
#include <wasi/api.h>

/* As in wasi-libc, whose own header of it is not installed. */
struct __clockid {
  __wasi_clockid_t id;
};

const struct __clockid _CLOCK_PROCESS_CPUTIME_ID = {__WASI_CLOCKID_PROCESS_CPUTIME_ID};
const struct __clockid _CLOCK_THREAD_CPUTIME_ID = {__WASI_CLOCKID_THREAD_CPUTIME_ID};

static clock_t ticks(struct timeval t) {
  return (clock_t)t.tv_sec * CLOCKS_PER_SEC +
         (clock_t)t.tv_usec * (CLOCKS_PER_SEC / 1000000);
}

clock_t clock(void) {
  struct rusage used;
  if (getrusage(RUSAGE_SELF, &used) < 0)
    return (clock_t)-1;
  return ticks(used.ru_utime) + ticks(used.ru_stime);
}

clock_t times(struct tms *result) {
  struct rusage used;
  struct timespec now;
  if (getrusage(RUSAGE_SELF, &used) < 0)
    return (clock_t)-1;
  result->tms_utime = ticks(used.ru_utime);
  result->tms_stime = ticks(used.ru_stime);
  result->tms_cutime = result->tms_cstime = 0;
  if (getrusage(RUSAGE_CHILDREN, &used) == 0) {
    result->tms_cutime = ticks(used.ru_utime);
    result->tms_cstime = ticks(used.ru_stime);
  }
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (clock_t)now.tv_sec * CLOCKS_PER_SEC +
         (clock_t)now.tv_nsec / (1000000000 / CLOCKS_PER_SEC);
}
