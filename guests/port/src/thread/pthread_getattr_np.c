/* musl's own finds the ends of the stack by asking which pages are mapped; here the
 * linker knows them. */
#define _GNU_SOURCE
#include "pthread_impl.h"

extern unsigned char __stack_low, __stack_high;

int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
  *attributes = (pthread_attr_t){0};
  attributes->_a_detach = thread->detach_state >= DT_DETACHED;
  attributes->_a_guardsize = thread->guard_size;
  attributes->_a_stackaddr = thread->stack ? (uintptr_t)thread->stack : (uintptr_t)&__stack_high;
  attributes->_a_stacksize = thread->stack ? thread->stack_size : (size_t)(&__stack_high - &__stack_low);
  return 0;
}
