/* Blocking signals, and what depends on it. */
#include "signals.h"
#include <setjmp.h>
#include <string.h>

int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
  sigset_t before = bellglass_mask, after;
  if (set) {
    sigset_t inverse = {{~set->__bits[0], ~set->__bits[1]}};
    if (how == SIG_BLOCK)
      sigorset(&after, &before, set);
    else if (how == SIG_UNBLOCK)
      sigandset(&after, &before, &inverse);
    else if (how == SIG_SETMASK)
      after = *set;
    else {
      errno = EINVAL;
      return -1;
    }
    sigdelset(&after, SIGKILL);
    sigdelset(&after, SIGSTOP);
    /* What has come from outside and is let through runs before this returns. */
    bellglass_take_signals();
    bellglass_set_mask(&after);
    bellglass_deliver_signals();
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
  *set = bellglass_waiting;
  return 0;
}

int sighold(int signal) {
  sigset_t set = {{0, 0}};
  return sigaddset(&set, signal) ? -1 : sigprocmask(SIG_BLOCK, &set, 0);
}
int sigrelse(int signal) {
  sigset_t set = {{0, 0}};
  return sigaddset(&set, signal) ? -1 : sigprocmask(SIG_UNBLOCK, &set, 0);
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

/* A jmp_buf has room for a mask that setjmp does not use. */
_Static_assert(sizeof(sigset_t) <= sizeof((struct __jmp_buf_tag){0}.__ss), "no room for a mask");

void bellglass_keep_mask(struct __jmp_buf_tag *environment, int save) {
  environment->__fl = save != 0;
  if (save)
    memcpy(environment->__ss, &bellglass_mask, sizeof bellglass_mask);
}

_Noreturn void bellglass_siglongjmp(struct __jmp_buf_tag *environment, int value) {
  if (environment->__fl) {
    sigset_t mask;
    memcpy(&mask, environment->__ss, sizeof mask);
    sigprocmask(SIG_SETMASK, &mask, 0);
  }
  longjmp(environment, value);
}
