/* Signals that come from outside. An interrupt of the cell with the number
 * `signal & 63` sets pending[number], then any, then a word of the program's own (see
 * src/kernel/interrupts.c). Every call runs the handlers of what has come before it
 * returns; a program that has another place where handlers can run calls
 * bellglass_take_signals there. */
#ifndef BELLGLASS_SIGNALS_H
#define BELLGLASS_SIGNALS_H
#include <stdint.h>

/* How many numbers there are: 0 stands for signal 64. */
#define BELLGLASS_SIGNALS 64

/* What an interrupt does, by its number; the numbers are the protocol's. */
#define BELLGLASS_SIGNAL_END 0
#define BELLGLASS_SIGNAL_DROP 1
#define BELLGLASS_SIGNAL_SET 2

struct bellglass_signals {
  uint32_t action[BELLGLASS_SIGNALS];
  volatile uint32_t pending[BELLGLASS_SIGNALS];
  volatile uint32_t any;
};

#ifdef __cplusplus
extern "C" {
#endif
extern struct bellglass_signals bellglass_signals;
void bellglass_take_signals(void);
/* How many handlers have run: whoever waits learns from it that one did. */
extern unsigned bellglass_handlers_run;
#ifdef __cplusplus
}
#endif
#endif
