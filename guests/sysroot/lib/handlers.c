/* What a program does with a signal. Only programs that say so have this file, and
 * their loops look for signals: the compiler driver has each turn of a loop look
 * at a word, and call bellglass_interrupted if it is set. */
#include "signals.h"

int sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  if (!known(signal))
    return -1;
  if (old)
    *old = bellglass_actions[signal];
  if (!action)
    return 0;
  if (signal == SIGKILL || signal == SIGSTOP) {
    errno = EINVAL;
    return -1;
  }
  bellglass_actions[signal] = *action;
  sigdelset(&bellglass_actions[signal].sa_mask, SIGKILL);
  sigdelset(&bellglass_actions[signal].sa_mask, SIGSTOP);
  if (action->sa_handler == SIG_IGN)
    *word(&bellglass_waiting, signal) &= ~bit(signal);
  bellglass_tell_signal(signal);
  return 0;
}

/* Signals whose handlers break off a call that waits, as siginterrupt says. */
static sigset_t breaking;

void (*signal(int number, void (*handler)(int)))(int) {
  struct sigaction action = {.sa_flags = SA_RESTART}, old;
  action.sa_handler = handler;
  if (number >= 1 && number <= LAST && sigismember(&breaking, number))
    action.sa_flags = 0;
  return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

void (*bsd_signal(int number, void (*handler)(int)))(int) { return signal(number, handler); }

void (*__sysv_signal(int number, void (*handler)(int)))(int) {
  struct sigaction action = {.sa_flags = SA_RESETHAND | SA_NODEFER}, old;
  action.sa_handler = handler;
  return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

int sigignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

int siginterrupt(int number, int flag) {
  struct sigaction action;
  if (sigaction(number, 0, &action))
    return -1;
  if (flag) {
    action.sa_flags &= ~SA_RESTART;
    sigaddset(&breaking, number);
  } else {
    action.sa_flags |= SA_RESTART;
    sigdelset(&breaking, number);
  }
  return sigaction(number, &action, 0);
}

/* Not there in a program that has an interrupt table of its own. */
extern volatile uint32_t bellglass_interrupt_word __attribute__((weak));

__attribute__((used)) static void look(void) __asm__("bellglass_look");
static void look(void) {
  if (&bellglass_interrupt_word)
    bellglass_interrupt_word = 0;
  bellglass_take_signals();
}

/* Called from the midst of any function, which may keep up to 128 bytes below the
 * stack pointer without saying so. */
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype bellglass_look () -> ()\n"
        ".section .text.bellglass_interrupted,\"\",@\n"
        ".globl bellglass_interrupted\n"
        ".type bellglass_interrupted,@function\n"
        "bellglass_interrupted:\n"
        ".functype bellglass_interrupted () -> ()\n"
        ".export_name bellglass_interrupted, bellglass_interrupted\n"
        "global.get __stack_pointer\n"
        "i32.const 128\n"
        "i32.sub\n"
        "global.set __stack_pointer\n"
        "call bellglass_look\n"
        "global.get __stack_pointer\n"
        "i32.const 128\n"
        "i32.add\n"
        "global.set __stack_pointer\n"
        "end_function\n");
