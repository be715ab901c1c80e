/* What signals do, and which are blocked. */
#include "syscall.h"

#include "signals.h"

long __call_rt_sigaction(long signal, long action, long old, long size) {
  if (size != MASK_SIZE || !is_signal(signal) || (action && (signal == SIGKILL || signal == SIGSTOP)))
    return -EINVAL;
  struct k_sigaction *own = &__signal_actions[signal], before = *own;
  if (action) {
    *own = *(const struct k_sigaction *)action;
    own->mask[0] &= ~(unsigned)(bit_of(SIGKILL) | bit_of(SIGSTOP));
    /* What waits and is now ignored will never come. */
    if (own->handler == SIG_IGN || (own->handler == SIG_DFL && __is_ignored_by_default((int)signal)))
      __forget_signal((int)signal);
    __tell_signals(bit_of((int)signal));
  }
  if (old)
    *(struct k_sigaction *)old = before;
  return 0;
}

long __call_rt_sigprocmask(long how, long set, long old, long size) {
  if (size != MASK_SIZE)
    return -EINVAL;
  uint64_t before = __signals_blocked;
  if (set) {
    uint64_t given = mask_at((const void *)set);
    switch (how) {
    case SIG_BLOCK:
      given = before | given;
      break;
    case SIG_UNBLOCK:
      given = before & ~given;
      break;
    case SIG_SETMASK:
      break;
    default:
      return -EINVAL;
    }
    /* What came until now came with the mask as it was. */
    look_at_signals();
    __set_signal_mask(given);
  }
  if (old)
    __builtin_memcpy((void *)old, &before, sizeof before);
  /* What is let through runs before this returns. */
  if (set)
    (void)__run_handlers();
  return 0;
}

long __call_rt_sigpending(long set, long size) {
  if ((unsigned long)size > MASK_SIZE)
    return -EINVAL;
  look_at_signals();
  uint64_t waiting = __signals_waiting & __signals_blocked;
  __builtin_memcpy((void *)set, &waiting, (unsigned long)size);
  return 0;
}

/* The stack of a guest is not one that a handler could leave, so that one of its own
 * is noted, and no more. */
long __call_sigaltstack(long stack, long old) {
  static stack_t kept = {.ss_flags = SS_DISABLE};
  stack_t before = kept;
  if (stack) {
    stack_t given = *(const stack_t *)stack;
    if (given.ss_flags != SS_DISABLE && given.ss_flags != SS_ONSTACK && given.ss_flags != 0)
      return -EINVAL;
    if (given.ss_flags == SS_DISABLE)
      given = (stack_t){.ss_flags = SS_DISABLE};
    else if (given.ss_size < MINSIGSTKSZ)
      return -ENOMEM;
    else
      given.ss_flags = 0;
    kept = given;
  }
  if (old)
    *(stack_t *)old = before;
  return 0;
}

/* Handlers are called and return like other functions. */
long __call_rt_sigreturn(void) { return -ENOSYS; }
