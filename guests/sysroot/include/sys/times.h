/* In the library: times, made of getrusage (see time.h). */
#ifndef BELLGLASS_SYS_TIMES_H
#define BELLGLASS_SYS_TIMES_H
#ifndef _WASI_EMULATED_PROCESS_CLOCKS
#define _WASI_EMULATED_PROCESS_CLOCKS 1
#endif
#include_next <sys/times.h>
#endif
