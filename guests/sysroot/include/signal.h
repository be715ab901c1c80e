/* Delegated: kill and killpg. The rest is wasi-libc's emulation: handlers are
 * kept, and raise runs them, inside the guest. */
#ifndef BELLGLASS_SIGNAL_H
#define BELLGLASS_SIGNAL_H
#ifndef _WASI_EMULATED_SIGNAL
#define _WASI_EMULATED_SIGNAL 1
#endif
#include_next <signal.h>
#define __NEED_pid_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
int kill(pid_t, int);
int killpg(pid_t, int);
#ifdef __cplusplus
}
#endif
#endif
