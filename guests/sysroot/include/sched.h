/* Delegated: scheduling. The affinity calls are left out on purpose: a guest
 * has one thread, and os.cpu_count asks sysconf. */
#ifndef BELLGLASS_SCHED_H
#define BELLGLASS_SCHED_H
#include_next <sched.h>
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5
#ifdef __cplusplus
extern "C" {
#endif
int sched_get_priority_max(int);
int sched_get_priority_min(int);
int sched_getparam(pid_t, struct sched_param *);
int sched_setparam(pid_t, const struct sched_param *);
int sched_getscheduler(pid_t);
int sched_setscheduler(pid_t, int, const struct sched_param *);
int sched_rr_get_interval(pid_t, struct timespec *);
#ifdef __cplusplus
}
#endif
#endif
