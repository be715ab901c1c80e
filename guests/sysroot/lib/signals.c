/* Signals inside the guest. One that a process sends to itself runs its handler
 * at once, in the call that sends it, unless it is blocked: then it waits for its
 * mask to open. One from outside waits in words that the controller has set (see
 * bellglass/signals.h) until the program takes it. */
#include <bellglass/signals.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LAST 64

int env_kill(pid_t, int) BELLGLASS_DELEGATED(kill);

/* What SIG_ERR and SIG_IGN are the addresses of. */
void __SIG_ERR(int signal) {
  (void)signal;
  __builtin_trap();
}
void __SIG_IGN(int signal) { (void)signal; }

static struct sigaction actions[LAST + 1];
static siginfo_t information[LAST + 1];
static sigset_t mask, waiting;
unsigned bellglass_handlers_run;

struct bellglass_signals bellglass_signals = {
    /* What a default action ignores. */
    .action[SIGCHLD] = BELLGLASS_SIGNAL_DROP, .action[SIGURG] = BELLGLASS_SIGNAL_DROP,
    .action[SIGWINCH] = BELLGLASS_SIGNAL_DROP, .action[SIGCONT] = BELLGLASS_SIGNAL_DROP,
    .action[SIGSTOP] = BELLGLASS_SIGNAL_DROP, .action[SIGTSTP] = BELLGLASS_SIGNAL_DROP,
    .action[SIGTTIN] = BELLGLASS_SIGNAL_DROP, .action[SIGTTOU] = BELLGLASS_SIGNAL_DROP,
};

static int known(int signal) {
  if (signal >= 1 && signal <= LAST)
    return 1;
  errno = EINVAL;
  return 0;
}

static unsigned long bit(int signal) { return 1ul << ((signal - 1) & 31); }
static unsigned long *word(sigset_t *set, int signal) { return &set->__bits[(signal - 1) >> 5]; }

int sigemptyset(sigset_t *set) {
  memset(set, 0, sizeof *set);
  return 0;
}
int sigfillset(sigset_t *set) {
  memset(set, 0xff, sizeof *set);
  return 0;
}
int sigaddset(sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  *word(set, signal) |= bit(signal);
  return 0;
}
int sigdelset(sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  *word(set, signal) &= ~bit(signal);
  return 0;
}
int sigismember(const sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  return (*word((sigset_t *)set, signal) & bit(signal)) != 0;
}
int sigisemptyset(const sigset_t *set) { return !set->__bits[0] && !set->__bits[1]; }
int sigorset(sigset_t *to, const sigset_t *one, const sigset_t *other) {
  for (int i = 0; i < 2; i++)
    to->__bits[i] = one->__bits[i] | other->__bits[i];
  return 0;
}
int sigandset(sigset_t *to, const sigset_t *one, const sigset_t *other) {
  for (int i = 0; i < 2; i++)
    to->__bits[i] = one->__bits[i] & other->__bits[i];
  return 0;
}

/* What happens to a signal for which there is no handler. */
static void act_by_default(int signal) {
  switch (signal) {
  case SIGCHLD:
  case SIGURG:
  case SIGWINCH:
  case SIGCONT:
  /* Nothing could continue a process that has stopped. */
  case SIGSTOP:
  case SIGTSTP:
  case SIGTTIN:
  case SIGTTOU:
    return;
  case SIGABRT:
  case SIGSEGV:
  case SIGBUS:
  case SIGILL:
  case SIGFPE:
  case SIGTRAP:
  case SIGSYS:
    __builtin_trap();
  default:
    /* What a shell makes of a program that a signal has ended. */
    _Exit(128 + signal);
  }
}

static int is_ignored_by_default(int signal) {
  return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT ||
         signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Tells the controller what a signal from outside would do now. */
static void tell(int signal) {
  uint32_t action = BELLGLASS_SIGNAL_SET;
  if (*word(&mask, signal) & bit(signal))
    action = BELLGLASS_SIGNAL_SET;
  else if (actions[signal].sa_handler == SIG_IGN)
    action = BELLGLASS_SIGNAL_DROP;
  else if (actions[signal].sa_handler == SIG_DFL)
    action = is_ignored_by_default(signal) ? BELLGLASS_SIGNAL_DROP : BELLGLASS_SIGNAL_END;
  if (signal < BELLGLASS_SIGNALS)
    bellglass_signals.action[signal] = action;
}

static void tell_all(void) {
  for (int signal = 1; signal < BELLGLASS_SIGNALS; signal++)
    tell(signal);
}

static void deliver(int signal) {
  struct sigaction action = actions[signal];
  *word(&waiting, signal) &= ~bit(signal);
  if (action.sa_handler == SIG_IGN)
    return;
  if (action.sa_handler == SIG_DFL) {
    act_by_default(signal);
    return;
  }
  if (action.sa_flags & SA_RESETHAND)
    actions[signal].sa_handler = SIG_DFL;
  sigset_t before = mask;
  sigorset(&mask, &mask, &action.sa_mask);
  if (!(action.sa_flags & SA_NODEFER))
    *word(&mask, signal) |= bit(signal);
  bellglass_handlers_run++;
  /* A handler that leaves by longjmp must not leave its mask behind, and there is
   * nobody to put it back afterwards: nothing interrupts a handler but itself. */
  if (action.sa_flags & SA_SIGINFO) {
    siginfo_t info = information[signal];
    action.sa_sigaction(signal, &info, 0);
  } else {
    action.sa_handler(signal);
  }
  mask = before;
}

static void deliver_waiting(void) {
  for (int signal = 1; signal <= LAST; signal++)
    if ((*word(&waiting, signal) & bit(signal)) && !(*word(&mask, signal) & bit(signal)))
      deliver(signal);
}

static int send(int signal, int code, union sigval value) {
  if (!known(signal))
    return -1;
  if (signal == SIGKILL)
    return env_kill(getpid(), SIGKILL);
  memset(&information[signal], 0, sizeof information[signal]);
  information[signal].si_signo = signal;
  information[signal].si_code = code;
  information[signal].si_pid = getpid();
  information[signal].si_uid = getuid();
  information[signal].si_value = value;
  *word(&waiting, signal) |= bit(signal);
  deliver_waiting();
  return 0;
}

void bellglass_take_signals(void) {
  if (!bellglass_signals.any)
    return;
  /* In this order: whoever sets them does so in the other. */
  bellglass_signals.any = 0;
  for (int signal = 1; signal < BELLGLASS_SIGNALS; signal++)
    if (bellglass_signals.pending[signal]) {
      bellglass_signals.pending[signal] = 0;
      send(signal, SI_USER, (union sigval){0});
    }
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

int sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  if (!known(signal))
    return -1;
  if (old)
    *old = actions[signal];
  if (!action)
    return 0;
  if (signal == SIGKILL || signal == SIGSTOP) {
    errno = EINVAL;
    return -1;
  }
  actions[signal] = *action;
  if (action->sa_handler == SIG_IGN)
    *word(&waiting, signal) &= ~bit(signal);
  tell(signal);
  return 0;
}

void (*signal(int signal, void (*handler)(int)))(int) {
  struct sigaction action = {.sa_flags = SA_RESTART}, old;
  action.sa_handler = handler;
  return sigaction(signal, &action, &old) ? SIG_ERR : old.sa_handler;
}

void (*bsd_signal(int number, void (*handler)(int)))(int) { return signal(number, handler); }
void (*__sysv_signal(int number, void (*handler)(int)))(int) { return signal(number, handler); }

int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
  sigset_t before = mask;
  if (set) {
    /* What has come from outside and is let through runs before this returns. */
    bellglass_take_signals();
    sigset_t inverse = {{~set->__bits[0], ~set->__bits[1]}};
    if (how == SIG_BLOCK)
      sigorset(&mask, &mask, set);
    else if (how == SIG_UNBLOCK)
      sigandset(&mask, &mask, &inverse);
    else if (how == SIG_SETMASK)
      mask = *set;
    else {
      errno = EINVAL;
      return -1;
    }
    sigdelset(&mask, SIGKILL);
    sigdelset(&mask, SIGSTOP);
    tell_all();
    deliver_waiting();
  }
  if (old)
    *old = before;
  return 0;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
  return sigprocmask(how, set, old) ? errno : 0;
}

int sigpending(sigset_t *set) {
  bellglass_take_signals();
  *set = waiting;
  return 0;
}

int sigsuspend(const sigset_t *set) {
  sigset_t before = mask, opened;
  sigset_t inverse = {{~set->__bits[0], ~set->__bits[1]}};
  sigandset(&opened, &waiting, &inverse);
  int nothing_waits = sigisemptyset(&opened);
  mask = *set;
  tell_all();
  deliver_waiting();
  if (nothing_waits) {
    pause();
    bellglass_take_signals();
  }
  mask = before;
  tell_all();
  deliver_waiting();
  errno = EINTR;
  return -1;
}

/* Takes one of the set that waits: its number, or 0. */
static int take_waiting(const sigset_t *set, siginfo_t *info) {
  bellglass_take_signals();
  for (int signal = 1; signal <= LAST; signal++)
    if (sigismember(set, signal) && sigismember(&waiting, signal)) {
      sigdelset(&waiting, signal);
      if (info)
        *info = information[signal];
      return signal;
    }
  return 0;
}

/* Until there is one of the set (its number), or a handler of another has run or
 * the time is over (-1, and why in errno). */
static int wait_for_one(const sigset_t *set, siginfo_t *info, const struct timespec *time) {
  struct timespec left = time ? *time : (struct timespec){0};
  if (left.tv_sec < 0 || left.tv_nsec < 0 || left.tv_nsec >= 1000000000) {
    errno = EINVAL;
    return -1;
  }
  unsigned handlers = bellglass_handlers_run;
  for (int is_over = 0;;) {
    int signal = take_waiting(set, info);
    if (signal)
      return signal;
    if (is_over || handlers != bellglass_handlers_run) {
      errno = is_over ? EAGAIN : EINTR;
      return -1;
    }
    if (time) {
      int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left);
      is_over = error == 0;
      if (error == 0 || error == EINTR)
        continue;
      errno = error;
      return -1;
    }
    /* Without a signal, the wait has ended with the run. */
    if (pause() && (errno != EINTR || !bellglass_signals.any))
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

/* The stack of a guest is not one that a handler could leave. */
int sigaltstack(const stack_t *stack, stack_t *old) {
  static stack_t kept = {.ss_flags = SS_DISABLE};
  if (old)
    *old = kept;
  if (stack)
    kept = *stack;
  return 0;
}

int siginterrupt(int signal, int flag) {
  (void)flag;
  return known(signal) ? 0 : -1;
}

int sighold(int signal) {
  sigset_t set = {{0, 0}};
  return sigaddset(&set, signal) ? -1 : sigprocmask(SIG_BLOCK, &set, 0);
}
int sigrelse(int signal) {
  sigset_t set = {{0, 0}};
  return sigaddset(&set, signal) ? -1 : sigprocmask(SIG_UNBLOCK, &set, 0);
}
int sigignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }
