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

/* Those of the thread and those of the process: `__signals_waiting` is both. */
static struct waiting {
  uint64_t numbers;
  siginfo_t first_of[FIRST_QUEUED];
  struct queue {
    struct entry *first, *last;
  } queues[LAST_SIGNAL + 1];
} waiting[2];
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

int __queue_signal(int signal, const siginfo_t *information, enum whose whose) {
  struct waiting *own = &waiting[whose];
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
    if (!(own->numbers & bit_of(signal)))
      own->first_of[signal] = *information;
  } else {
    struct entry *entry = new_entry();
    if (entry) {
      *entry = (struct entry){.information = *information};
      struct queue *queue = &own->queues[signal];
      if (queue->first)
        queue->last->next = entry;
      else
        queue->first = entry;
      queue->last = entry;
    } else if (information->si_code == SI_QUEUE) {
      return -EAGAIN;
    }
  }
  own->numbers |= bit_of(signal);
  __signals_waiting |= bit_of(signal);
  return 0;
}

/* Takes the first that waits of a number. */
static void take(struct waiting *own, int signal, siginfo_t *information) {
  if (signal < FIRST_QUEUED) {
    *information = own->first_of[signal];
  } else {
    struct queue *queue = &own->queues[signal];
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
  own->numbers &= ~bit_of(signal);
  __signals_waiting = waiting[OF_THREAD].numbers | waiting[OF_PROCESS].numbers;
}

/* As Linux has it: what tells of a fault before all others, then by number. */
static const uint64_t faults = UINT64_C(1) << (SIGSEGV - 1) | UINT64_C(1) << (SIGBUS - 1) |
                               UINT64_C(1) << (SIGILL - 1) | UINT64_C(1) << (SIGTRAP - 1) |
                               UINT64_C(1) << (SIGFPE - 1) | UINT64_C(1) << (SIGSYS - 1);

int __take_signal(uint64_t set, siginfo_t *information) {
  for (int whose = OF_THREAD; whose <= OF_PROCESS; whose++) {
    struct waiting *own = &waiting[whose];
    uint64_t found = own->numbers & set;
    if (!found)
      continue;
    if (found & faults)
      found &= faults;
    int signal = __builtin_ctzll(found) + 1;
    take(own, signal, information);
    return signal;
  }
  return 0;
}

void __forget_signal(int signal) {
  siginfo_t information;
  while (__take_signal(bit_of(signal), &information))
    ;
}
