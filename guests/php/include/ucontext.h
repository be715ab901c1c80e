/* What PHP's fibers switch stacks with. PHP cannot be built without them, and musl has
 * none; the stack of WebAssembly's calls is out of a program's reach. So nothing here is
 * ever called: a fiber first asks for memory that is to be a stack (MAP_STACK), which the
 * guest's mmap refuses, and PHP throws an exception that says so. */
#ifndef BELLGLASS_PHP_UCONTEXT_H
#define BELLGLASS_PHP_UCONTEXT_H

#include <signal.h>
#include <stdlib.h>

static inline int getcontext(ucontext_t *context) {
  (void)context;
  abort();
}

static inline void makecontext(ucontext_t *context, void (*function)(void), int arguments, ...) {
  (void)context, (void)function, (void)arguments;
  abort();
}

static inline int swapcontext(ucontext_t *from, const ucontext_t *to) {
  (void)from, (void)to;
  abort();
}

#endif
