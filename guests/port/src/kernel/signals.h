/* What the files of the signals share. Here the guest is its own kernel: what each
 * signal does, which are blocked and which are waiting lies in its memory, so that a
 * snapshot keeps it. Only what makes signals come is outside. */
#ifndef BELLGLASS_SRC_SIGNALS_H
#define BELLGLASS_SRC_SIGNALS_H
#include <bellglass/signals.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>

#include "ksigaction.h"

#define LAST_SIGNAL 64

/* Bytes of a mask, as calls have it. */
#define MASK_SIZE 8

/* By number. */
extern hidden struct k_sigaction __signal_actions[LAST_SIGNAL + 1];

/* Bit n - 1 stands for signal n. */
extern hidden uint64_t __signals_blocked, __signals_waiting;

static inline int is_signal(long signal) { return signal >= 1 && signal <= LAST_SIGNAL; }
static inline uint64_t bit_of(int signal) { return UINT64_C(1) << (signal - 1); }

/* Masks of a program need not lie at a multiple of eight. */
static inline uint64_t mask_at(const void *address) {
  uint64_t mask;
  __builtin_memcpy(&mask, address, sizeof mask);
  return mask;
}

/* What a default action ignores. */
hidden int __is_ignored_by_default(int signal);

/* What has waited is to be done away with. */
hidden void __forget_signal(int signal);

/* Whom a signal waits for: the thread that it was sent to, or the process. Of one number
 * both can wait, and those of the thread come first. */
enum whose { OF_THREAD, OF_PROCESS };

/* Has a signal wait; fails if its queue is full. */
hidden int __queue_signal(int signal, const siginfo_t *information, enum whose whose);

/* Takes the first of a set that waits: its number, or 0. */
hidden int __take_signal(uint64_t set, siginfo_t *information);

/* Tells the cell what these signals, from outside, would do now. */
hidden void __tell_signals(uint64_t signals);

hidden void __set_signal_mask(uint64_t mask);

/* What the handlers that ran make of a call that they have broken off: the first one
 * decides. */
enum handlers { NONE_RAN, RESTARTING_RAN, BREAKING_RAN };

/* Runs the handlers of all that wait and are not blocked. */
hidden enum handlers __run_handlers(void);

/* The same in a call that has changed the mask: the one that was there before is back
 * when the first handler is done. */
hidden enum handlers __run_handlers_and_restore(uint64_t mask);

/* Lets what the cell has told wait with the others. */
hidden void __collect_signals(void);

/* A signal of this process' own has come. */
hidden long __send_to_self(int signal, const siginfo_t *information, enum whose whose);

/* The number of this process. */
extern hidden int __process;

static inline void look_at_signals(void) {
  if (__builtin_expect(bellglass_signals.any, 0))
    bellglass_take_signals();
}

/* Whether the program has signals read by descriptors, and telling the controller which wait. */
extern hidden int __signals_are_read;
hidden void __tell_waiting_signals(void);

/* Before a call that looks at descriptors. */
static inline void tell_waiting_signals(void) {
  if (__builtin_expect(__signals_are_read, 0))
    __tell_waiting_signals();
}

enum repeats { AFTER_RESTARTING, AFTER_NONE };

/* After a call: runs the handlers of what has come, and says whether the call is to
 * begin again, for it was broken off by something that the program is not to notice. */
hidden int __begins_again(long result, enum repeats repeats);

static inline int begins_again(long result, enum repeats repeats) {
  return __builtin_expect(bellglass_signals.any || result == -EINTR, 0) && __begins_again(result, repeats);
}
#endif
