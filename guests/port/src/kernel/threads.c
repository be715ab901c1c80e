/* What there is to threads where there is one, and the ways to another process. */
#define _GNU_SOURCE
#include "import.h"

#include "signals.h"

#include <sched.h>

#include "pthread_impl.h"

uintptr_t __thread_pointer;

/* Of the thread that asks: there is no table of others. */
static struct {
  long head, length;
} robust;

long __call_set_tid_address(long address) {
  (void)address;
  return __process;
}
long __call_gettid(void) { return __pthread_self()->tid; }

long __call_set_robust_list(long head, long length) {
  if (length != 3 * sizeof(long))
    return -EINVAL;
  robust.head = head;
  robust.length = length;
  return 0;
}
long __call_get_robust_list(long thread, long head, long length) {
  if (thread && thread != __pthread_self()->tid)
    return -ESRCH;
  *(long *)head = robust.head;
  *(long *)length = robust.length ? robust.length : (long)(3 * sizeof(long));
  return 0;
}

/* The last thread's end is the process' end. */
long __call_exit(long code) { return __syscall(SYS_exit_group, code); }

long __call_rseq(long area, long length, long flags, long signature) {
  (void)area, (void)length, (void)flags, (void)signature;
  return -ENOSYS;
}

/* Nothing is ever out of order where one thread runs. */
long __call_membarrier(long command, long flags, long processor) {
  enum { QUERY = 0, KNOWN = 0x1ff };
  (void)processor;
  if (flags || command & ~KNOWN || command & (command - 1))
    return -EINVAL;
  return command == QUERY ? KNOWN : 0;
}

IMPORT(clone, 5)
IMPORT(getpid, 0)

/* A new thread would have to share this memory. A process has a copy of it, whether or
 * not it asks to share it until it runs another program. */
long __call_clone(long flags, long stack, long parent_tid, long tls, long child_tid) {
  if (flags & CLONE_THREAD)
    return -EAGAIN;
  if ((flags & CLONE_VM) && !(flags & CLONE_VFORK))
    return -EINVAL;
  if (stack)
    return -EINVAL;
  long result = __external_clone(flags & ~(CLONE_VM | CLONE_VFORK), 0, parent_tid, tls, child_tid);
  if (result == 0) {
    __process = (int)__external_getpid();
    __pthread_self()->tid = __process;
  }
  look_at_signals();
  return result;
}
