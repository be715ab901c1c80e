/* Signals that wait. Of one below 32 the first is kept and further ones are lost; those
 * above wait in the order in which they came. */
#include "syscall.h"

#include "signals.h"

#include <stddef.h>
#include <sys/mman.h>

/* Where a queue is longer than this, a signal is refused. */
#define LONGEST 4096

#define FIRST_QUEUED 32
#define BLOCK ((size_t)4096)

struct entry {
  struct entry *next;
  siginfo_t information;
};

static siginfo_t first_of[FIRST_QUEUED];
static struct queue {
  struct entry *first, *last;
} queues[LAST_SIGNAL + 1];
static struct entry *unused;
static unsigned count;

static struct entry *new_entry(void) {
  if (!unused && count < LONGEST) {
    long block = __syscall(SYS_mmap2, 0, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block < 0 && block > -4096)
      return 0;
    struct entry *entries = (struct entry *)block;
    for (size_t i = 0; i < BLOCK / sizeof *entries; i++) {
      entries[i].next = unused;
      unused = &entries[i];
      count++;
    }
  }
  struct entry *entry = unused;
  if (entry)
    unused = entry->next;
  return entry;
}

/* Signals of which one does away with the others. */
static const uint64_t stops = UINT64_C(0xf) << (SIGSTOP - 1);

static void forget(uint64_t signals) {
  for (signals &= __signals_waiting; signals; signals &= signals - 1)
    __forget_signal(__builtin_ctzll(signals) + 1);
}

int __queue_signal(int signal, const siginfo_t *information) {
  if (signal == SIGCONT)
    forget(stops);
  else if (stops & bit_of(signal))
    forget(bit_of(SIGCONT));
  if (!(__signals_blocked & bit_of(signal))) {
    void (*handler)(int) = __signal_actions[signal].handler;
    if (handler == SIG_IGN || (handler == SIG_DFL && __is_ignored_by_default(signal)))
      return 0;
  }
  if (signal < FIRST_QUEUED) {
    if (!(__signals_waiting & bit_of(signal)))
      first_of[signal] = *information;
  } else {
    struct entry *entry = new_entry();
    if (entry) {
      *entry = (struct entry){.information = *information};
      struct queue *queue = &queues[signal];
      if (queue->first)
        queue->last->next = entry;
      else
        queue->first = entry;
      queue->last = entry;
    } else if (information->si_code == SI_QUEUE) {
      return -EAGAIN;
    }
  }
  __signals_waiting |= bit_of(signal);
  return 0;
}

void __take_queued(int signal, siginfo_t *information) {
  if (signal < FIRST_QUEUED) {
    *information = first_of[signal];
  } else {
    struct queue *queue = &queues[signal];
    struct entry *entry = queue->first;
    if (entry) {
      *information = entry->information;
      queue->first = entry->next;
      entry->next = unused;
      unused = entry;
    } else {
      *information = (siginfo_t){.si_signo = signal, .si_code = SI_USER};
    }
    if (queue->first)
      return;
  }
  __signals_waiting &= ~bit_of(signal);
}

void __forget_signal(int signal) {
  siginfo_t information;
  while (__signals_waiting & bit_of(signal))
    __take_queued(signal, &information);
}
