/* In the library: clock, made of getrusage, because the one of wasi-libc's
 * process clock emulation, which we leave out, returns wall time; the clocks of
 * processor time, which WASI has and wasi-libc does not name; local time, where
 * wasi-libc's is UTC. */
#ifndef BELLGLASS_TIME_H
#define BELLGLASS_TIME_H
#ifndef _WASI_EMULATED_PROCESS_CLOCKS
#define _WASI_EMULATED_PROCESS_CLOCKS 1
#endif
#include_next <time.h>

extern const struct __clockid _CLOCK_PROCESS_CPUTIME_ID, _CLOCK_THREAD_CPUTIME_ID;
#define CLOCK_PROCESS_CPUTIME_ID (&_CLOCK_PROCESS_CPUTIME_ID)
#define CLOCK_THREAD_CPUTIME_ID (&_CLOCK_THREAD_CPUTIME_ID)

#ifdef __cplusplus
extern "C" {
#endif
extern char *tzname[2];
#if defined(_XOPEN_SOURCE) || defined(_BSD_SOURCE) || defined(_GNU_SOURCE)
extern long timezone;
extern int daylight;
#endif
void tzset(void);
#ifdef __cplusplus
}
#endif
#endif
