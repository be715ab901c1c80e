/* A new thread or process that begins with a function. See src/kernel/threads.c. */
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>

#include "pthread_impl.h"
#include "syscall.h"

int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...) {
  (void)stack;
  /* A process begins on a copy of this stack. */
  long result = __syscall(SYS_clone, flags, 0, 0, 0, 0);
  if (result == 0)
    _exit(function(argument));
  return (int)result;
}
