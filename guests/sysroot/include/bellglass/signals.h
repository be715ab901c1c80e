/* In the library. Signals that come from outside while the program computes: an interrupt of the
 * cell with the signal's number sets pending[number], then any. The program calls
 * bellglass_take_signals where it can run handlers. */
#ifndef BELLGLASS_SIGNALS_H
#define BELLGLASS_SIGNALS_H
#include <stdint.h>

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
