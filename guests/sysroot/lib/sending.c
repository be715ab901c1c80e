/* Signals that a process sends to itself. Delegated: SIGKILL, which no library can
 * do, and those to others. */
#include "signals.h"
#include <unistd.h>

int env_kill(pid_t, int) BELLGLASS_DELEGATED(kill);
int env_killpg(pid_t, int) BELLGLASS_DELEGATED(killpg);

static int send(int signal, int code, union sigval value) {
  if (!known(signal))
    return -1;
  if (signal == SIGKILL)
    return env_kill(getpid(), SIGKILL);
  siginfo_t information = {
      .si_signo = signal, .si_code = code, .si_pid = getpid(), .si_uid = getuid(), .si_value = value};
  bellglass_signal_comes(signal, &information);
  return 0;
}

int raise(int signal) { return send(signal, SI_TKILL, (union sigval){0}); }

static int is_self(pid_t process) {
  return process == 0 || process == -1 || process == getpid() || process == -getpid();
}

int kill(pid_t process, int signal) {
  if (signal > 0 && signal <= LAST && is_self(process))
    return send(signal, SI_USER, (union sigval){0});
  return env_kill(process, signal);
}

int killpg(pid_t group, int signal) {
  if (signal > 0 && signal <= LAST && (group == 0 || group == getpid()))
    return send(signal, SI_USER, (union sigval){0});
  return env_killpg(group, signal);
}

int sigqueue(pid_t process, int signal, union sigval value) {
  if (signal > 0 && signal <= LAST && is_self(process))
    return send(signal, SI_QUEUE, value);
  return env_kill(process, signal);
}

int pthread_kill(pthread_t thread, int signal) {
  (void)thread;
  if (signal == 0)
    return 0;
  return raise(signal) ? errno : 0;
}
