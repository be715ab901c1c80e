/* In the library: clock, made of getrusage, because the one of wasi-libc's
 * process clock emulation, which we leave out, returns wall time. */
#ifndef BELLGLASS_TIME_H
#define BELLGLASS_TIME_H
#ifndef _WASI_EMULATED_PROCESS_CLOCKS
#define _WASI_EMULATED_PROCESS_CLOCKS 1
#endif
#include_next <time.h>
#endif
