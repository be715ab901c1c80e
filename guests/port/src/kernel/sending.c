/* Signals that a process sends: those to itself, which are delivered here, with what is
 * to be said of them, and those to others, which are external calls. */
#include "import.h"

#include "signals.h"

#include "pthread_impl.h"

IMPORT(kill, 2)
IMPORT(tkill, 2)
IMPORT(tgkill, 3)

long __end_by_signal(long signal) __attribute__((import_module("bellglass"), import_name("end_by_signal")));

long __send_to_self(int signal, const siginfo_t *information, enum whose whose) {
  if (signal == SIGKILL)
    return __end_by_signal(signal);
  look_at_signals();
  int failed = __queue_signal(signal, information, whose);
  (void)__run_handlers();
  return failed;
}

/* From this process to itself. */
static long send(long signal, int code) {
  if (signal == 0)
    return 0;
  siginfo_t information = {.si_signo = (int)signal, .si_code = code};
  information.si_pid = __process;
  information.si_uid = (uid_t)__syscall(SYS_getuid);
  return __send_to_self((int)signal, &information, code == SI_TKILL ? OF_THREAD : OF_PROCESS);
}

static int is_signal_or_none(long signal) { return signal == 0 || is_signal(signal); }

static int is_own_thread(long thread) { return thread == __pthread_self()->tid; }

static long after(long result) {
  look_at_signals();
  return result;
}

/* By its number, or by that of its group, in which there is no other. */
static int is_self(long process) {
  return process == __process || process == 0 || (process < -1 && -process == __syscall(SYS_getpgid, 0));
}

long __call_kill(long process, long signal) {
  if (is_signal_or_none(signal) && is_self(process))
    return send(signal, SI_USER);
  return after(__external_kill(process, signal));
}

long __call_tkill(long thread, long signal) {
  if (is_own_thread(thread) && is_signal_or_none(signal))
    return send(signal, SI_TKILL);
  return after(__external_tkill(thread, signal));
}

long __call_tgkill(long process, long thread, long signal) {
  if (process == __process && is_own_thread(thread) && is_signal_or_none(signal))
    return send(signal, SI_TKILL);
  return after(__external_tgkill(process, thread, signal));
}

long __call_rt_sigqueueinfo(long process, long signal, long information) {
  siginfo_t given = *(const siginfo_t *)information;
  given.si_signo = (int)signal;
  if (process == __process && is_signal_or_none(signal))
    return signal ? __send_to_self((int)signal, &given, OF_PROCESS) : 0;
  /* Nobody but a kernel may say that a signal comes from a kernel. */
  if (given.si_code >= 0 || given.si_code == SI_TKILL)
    return -EPERM;
  return after(__external_kill(process, signal));
}

long __call_rt_tgsigqueueinfo(long process, long thread, long signal, long information) {
  siginfo_t given = *(const siginfo_t *)information;
  given.si_signo = (int)signal;
  if (process == __process && is_own_thread(thread) && is_signal_or_none(signal))
    return signal ? __send_to_self((int)signal, &given, OF_THREAD) : 0;
  if (given.si_code >= 0 || given.si_code == SI_TKILL)
    return -EPERM;
  return after(__external_tgkill(process, thread, signal));
}
