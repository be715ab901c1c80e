/* What the files of the signals share. */
#ifndef BELLGLASS_LIB_SIGNALS_H
#define BELLGLASS_LIB_SIGNALS_H
#include <bellglass/signals.h>
#include <errno.h>
#include <signal.h>
#include <wasi/api.h>

#define LAST 64

/* By number. */
extern struct sigaction bellglass_actions[LAST + 1];
extern siginfo_t bellglass_information[LAST + 1];

/* What is blocked, and what waits until it no longer is. */
extern sigset_t bellglass_mask, bellglass_waiting;

static inline int known(int signal) {
  if (signal >= 1 && signal <= LAST)
    return 1;
  errno = EINVAL;
  return 0;
}

static inline unsigned long bit(int signal) { return 1ul << ((signal - 1) & 31); }
static inline unsigned long *word(sigset_t *set, int signal) { return &set->__bits[(signal - 1) >> 5]; }

/* Tells the controller what this signal, from outside, would do now. */
void bellglass_tell_signal(int signal);

/* Sets the mask, without a look at what it lets through. */
void bellglass_set_mask(const sigset_t *mask);

/* A signal of this process' own has come: its handler runs before this returns,
 * unless it is blocked. */
void bellglass_signal_comes(int signal, const siginfo_t *information);

/* Runs the handlers of all that wait and are not blocked. */
void bellglass_deliver_signals(void);

/* A wait that signals interrupt: made before it. */
struct interruptible {
  unsigned handlers, breaking, taken, idle;
};

struct interruptible bellglass_before_wait(void);

/* Has the next wait leave to its call what has come until then, so that it ends at
 * once: for waits that change the mask, which no signal may slip by. */
void bellglass_open_wait(void);

/* After a wait that has ended with EINTR: runs the handlers, and says whether the
 * wait is to go on because none has run: what has come is ignored or blocked. */
int bellglass_goes_on(struct interruptible *wait);

/* The same for a call that begins again after a handler with SA_RESTART. */
int bellglass_restarts(struct interruptible *wait);

/* poll_oneoff that every signal ends, whatever it does. */
int bellglass_poll_oneoff(const __wasi_subscription_t *, __wasi_event_t *, size_t, __wasi_size_t *);
#endif
