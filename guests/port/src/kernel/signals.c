/* Which signals are blocked, and running the handlers. A signal that a process sends
 * to itself runs its handler in the call that sends it, unless it is blocked. One from
 * outside waits in words that the cell has set until the program comes to a place where
 * handlers can run: a call, and, in a program that has handlers, the next turn of a
 * loop (handlers.c). */
#include "syscall.h"

#include "signals.h"

#include <string.h>

#include "pthread_impl.h"

#define DROPPED [SIGCHLD] = BELLGLASS_SIGNAL_DROP, [SIGURG] = BELLGLASS_SIGNAL_DROP,   \
                [SIGWINCH] = BELLGLASS_SIGNAL_DROP, [SIGCONT] = BELLGLASS_SIGNAL_DROP, \
                [SIGSTOP] = BELLGLASS_SIGNAL_DROP, [SIGTSTP] = BELLGLASS_SIGNAL_DROP,  \
                [SIGTTIN] = BELLGLASS_SIGNAL_DROP, [SIGTTOU] = BELLGLASS_SIGNAL_DROP

struct bellglass_signals bellglass_signals = {.action = {DROPPED}};
unsigned bellglass_handlers_run;

struct k_sigaction __signal_actions[LAST_SIGNAL + 1];
uint64_t __signals_blocked, __signals_waiting;

long __end_by_signal(long signal) __attribute__((import_module("bellglass"), import_name("end_by_signal")));

int __is_ignored_by_default(int signal) {
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

void __tell_signals(uint64_t signals) {
  while (signals) {
    int signal = __builtin_ctzll(signals) + 1;
    signals &= signals - 1;
    uint32_t action = BELLGLASS_SIGNAL_SET;
    if (__signals_blocked & bit_of(signal))
      action = BELLGLASS_SIGNAL_SET;
    else if (__signal_actions[signal].handler == SIG_IGN)
      action = BELLGLASS_SIGNAL_DROP;
    else if (__signal_actions[signal].handler == SIG_DFL)
      action = __is_ignored_by_default(signal) ? BELLGLASS_SIGNAL_DROP : BELLGLASS_SIGNAL_END;
    bellglass_signals.action[signal % BELLGLASS_SIGNALS] = action;
  }
}

void __set_signal_mask(uint64_t mask) {
  mask &= ~(bit_of(SIGKILL) | bit_of(SIGSTOP));
  uint64_t changed = __signals_blocked ^ mask;
  __signals_blocked = mask;
  __tell_signals(changed);
}

static void call_handler(const struct k_sigaction *action, int signal, siginfo_t *information, uint64_t before) {
  bellglass_handlers_run++;
  /* A handler that leaves by siglongjmp puts back the mask that sigsetjmp kept. */
  if (action->flags & SA_SIGINFO) {
    ucontext_t context = {.uc_stack.ss_flags = SS_DISABLE};
    memcpy(&context.uc_sigmask, &before, sizeof before);
    ((void (*)(int, siginfo_t *, void *))action->handler)(signal, information, &context);
    /* Which a handler may change, so that the mask is another one afterwards. */
    before = mask_at(&context.uc_sigmask);
  } else {
    action->handler(signal);
  }
  __set_signal_mask(before);
}

static enum handlers run(const uint64_t *kept) {
  enum handlers ran = NONE_RAN;
  siginfo_t information;
  for (int signal; (signal = __take_signal(~__signals_blocked, &information)) != 0;) {
    struct k_sigaction action = __signal_actions[signal];
    if (action.handler == SIG_IGN)
      continue;
    if (action.handler == SIG_DFL) {
      if (!__is_ignored_by_default(signal))
        __end_by_signal(signal);
      continue;
    }
    if (action.flags & SA_RESETHAND) {
      __signal_actions[signal].handler = SIG_DFL;
      __tell_signals(bit_of(signal));
    }
    uint64_t before = kept ? *kept : __signals_blocked;
    kept = 0;
    __set_signal_mask(__signals_blocked | mask_at(action.mask) |
                      (action.flags & SA_NODEFER ? 0 : bit_of(signal)));
    if (ran == NONE_RAN)
      ran = action.flags & SA_RESTART ? RESTARTING_RAN : BREAKING_RAN;
    /* A kernel puts the frames of all that may run on the stack, the first one at the
     * bottom: so the last one runs first. */
    run(0);
    call_handler(&action, signal, &information, before);
  }
  return ran;
}

enum handlers __run_handlers(void) { return run(0); }

enum handlers __run_handlers_and_restore(uint64_t mask) { return run(&mask); }

void __collect_signals(void) {
  if (!bellglass_signals.any)
    return;
  /* In this order: whoever sets them does so in the other. */
  bellglass_signals.any = 0;
  for (int number = 0; number < BELLGLASS_SIGNALS; number++)
    if (bellglass_signals.pending[number]) {
      bellglass_signals.pending[number] = 0;
      int signal = number ? number : LAST_SIGNAL;
      siginfo_t information = {.si_signo = signal, .si_code = SI_KERNEL};
      if (signal == SIGPIPE) {
        information.si_code = SI_USER;
        information.si_pid = __process;
      }
      /* A queue that is full loses no bit, only what is said of it. */
      (void)__queue_signal(signal, &information, signal == SIGPIPE ? OF_THREAD : OF_PROCESS);
    }
}

void bellglass_take_signals(void) {
  __collect_signals();
  (void)__run_handlers();
}

int __begins_again(long result, enum repeats repeats) {
  __collect_signals();
  enum handlers ran = __run_handlers();
  if (result != -EINTR)
    return 0;
  return ran == NONE_RAN || (ran == RESTARTING_RAN && repeats == AFTER_RESTARTING);
}
