/* Signals inside the guest: what each does, which are blocked, and running the
 * handlers. A signal that a process sends to itself runs its handler at once, in
 * the call that sends it, unless it is blocked: then it waits for its mask to open.
 * One from outside waits in words that the controller has set (see
 * bellglass/signals.h) until the program comes to a place where handlers can run:
 * a call that waits (waits.c), and, in a program that has handlers, the next turn
 * of a loop (handlers.c). */
#include "signals.h"
#include <stdlib.h>
#include <string.h>

/* How often a wait goes on after an EINTR for which there is no signal. One is an
 * ignored signal, which is never told; more would be a wait without end. */
#define IDLE_WAITS 100

/* What SIG_ERR and SIG_IGN are the addresses of. */
void __SIG_ERR(int signal) {
  (void)signal;
  __builtin_trap();
}
void __SIG_IGN(int signal) { (void)signal; }

struct sigaction bellglass_actions[LAST + 1];
siginfo_t bellglass_information[LAST + 1];
sigset_t bellglass_mask, bellglass_waiting;
unsigned bellglass_handlers_run;

/* Handlers without SA_RESTART, and signals from outside, that there have been. */
static unsigned breaking_handlers_run, signals_taken;

/* Whether the next wait is to find what has come until then. */
static int next_wait_is_open;

struct bellglass_signals bellglass_signals = {
    /* What a default action ignores. */
    .action[SIGCHLD] = BELLGLASS_SIGNAL_DROP, .action[SIGURG] = BELLGLASS_SIGNAL_DROP,
    .action[SIGWINCH] = BELLGLASS_SIGNAL_DROP, .action[SIGCONT] = BELLGLASS_SIGNAL_DROP,
    .action[SIGSTOP] = BELLGLASS_SIGNAL_DROP, .action[SIGTSTP] = BELLGLASS_SIGNAL_DROP,
    .action[SIGTTIN] = BELLGLASS_SIGNAL_DROP, .action[SIGTTOU] = BELLGLASS_SIGNAL_DROP,
};

static int is_ignored_by_default(int signal) {
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
    return 1;
  default:
    return 0;
  }
}

/* What happens to a signal for which there is no handler. */
static void act_by_default(int signal) {
  if (is_ignored_by_default(signal))
    return;
  switch (signal) {
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

void bellglass_tell_signal(int signal) {
  if (signal >= BELLGLASS_SIGNALS)
    return;
  uint32_t action = BELLGLASS_SIGNAL_SET;
  if (*word(&bellglass_mask, signal) & bit(signal))
    action = BELLGLASS_SIGNAL_SET;
  else if (bellglass_actions[signal].sa_handler == SIG_IGN)
    action = BELLGLASS_SIGNAL_DROP;
  else if (bellglass_actions[signal].sa_handler == SIG_DFL)
    action = is_ignored_by_default(signal) ? BELLGLASS_SIGNAL_DROP : BELLGLASS_SIGNAL_END;
  bellglass_signals.action[signal] = action;
}

void bellglass_set_mask(const sigset_t *set) {
  bellglass_mask = *set;
  for (int signal = 1; signal < BELLGLASS_SIGNALS; signal++)
    bellglass_tell_signal(signal);
}

static void deliver(int signal) {
  struct sigaction action = bellglass_actions[signal];
  *word(&bellglass_waiting, signal) &= ~bit(signal);
  if (action.sa_handler == SIG_IGN)
    return;
  if (action.sa_handler == SIG_DFL) {
    act_by_default(signal);
    return;
  }
  if (action.sa_flags & SA_RESETHAND)
    bellglass_actions[signal].sa_handler = SIG_DFL;
  sigset_t before = bellglass_mask, during;
  sigorset(&during, &before, &action.sa_mask);
  if (!(action.sa_flags & SA_NODEFER))
    *word(&during, signal) |= bit(signal);
  bellglass_set_mask(&during);
  bellglass_handlers_run++;
  if (!(action.sa_flags & SA_RESTART))
    breaking_handlers_run++;
  /* A handler that leaves by siglongjmp puts back the mask that sigsetjmp kept. */
  if (action.sa_flags & SA_SIGINFO) {
    siginfo_t info = bellglass_information[signal];
    action.sa_sigaction(signal, &info, 0);
  } else {
    action.sa_handler(signal);
  }
  bellglass_set_mask(&before);
}

/* The first that waits and is not blocked, or 0. */
static int next_to_deliver(void) {
  sigset_t open = {{bellglass_waiting.__bits[0] & ~bellglass_mask.__bits[0],
                    bellglass_waiting.__bits[1] & ~bellglass_mask.__bits[1]}};
  for (int i = 0; i < 2; i++)
    if (open.__bits[i])
      return 32 * i + __builtin_ctzl(open.__bits[i]) + 1;
  return 0;
}

void bellglass_deliver_signals(void) {
  for (int signal; (signal = next_to_deliver()) != 0;)
    deliver(signal);
}

void bellglass_signal_comes(int signal, const siginfo_t *information) {
  bellglass_information[signal] = *information;
  *word(&bellglass_waiting, signal) |= bit(signal);
  bellglass_deliver_signals();
}

void bellglass_take_signals(void) {
  if (!bellglass_signals.any)
    return;
  /* In this order: whoever sets them does so in the other. */
  bellglass_signals.any = 0;
  for (int signal = 1; signal < BELLGLASS_SIGNALS; signal++)
    if (bellglass_signals.pending[signal]) {
      bellglass_signals.pending[signal] = 0;
      signals_taken++;
      /* Of no process: from an alarm clock, a terminal or the controller. */
      bellglass_information[signal] = (siginfo_t){.si_signo = signal, .si_code = SI_KERNEL};
      *word(&bellglass_waiting, signal) |= bit(signal);
    }
  /* The program goes on afterwards as if nothing had been. */
  int error = errno;
  bellglass_deliver_signals();
  errno = error;
}

void bellglass_open_wait(void) { next_wait_is_open = 1; }

struct interruptible bellglass_before_wait(void) {
  /* What came before does not interrupt. */
  if (!next_wait_is_open)
    bellglass_take_signals();
  next_wait_is_open = 0;
  return (struct interruptible){bellglass_handlers_run, breaking_handlers_run, signals_taken, 0};
}

int bellglass_goes_on(struct interruptible *wait) {
  bellglass_take_signals();
  if (wait->handlers != bellglass_handlers_run)
    return 0;
  if (wait->taken == signals_taken)
    return wait->idle++ < IDLE_WAITS;
  wait->taken = signals_taken;
  wait->idle = 0;
  return 1;
}

int bellglass_restarts(struct interruptible *wait) {
  if (bellglass_goes_on(wait))
    return 1;
  if (wait->handlers == bellglass_handlers_run || wait->breaking != breaking_handlers_run)
    return 0;
  wait->handlers = bellglass_handlers_run;
  return 1;
}
