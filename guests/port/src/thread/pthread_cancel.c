/* Cancelling a thread that is at a call. musl's own takes a thread out of its call by a
 * signal's handler that changes where it goes on, which a guest cannot do. */
#include "pthread_impl.h"
#include "syscall.h"

hidden long __cancel(void);

long __cancel(void) {
  pthread_t self = __pthread_self();
  if (self->canceldisable == PTHREAD_CANCEL_ENABLE || self->cancelasync)
    pthread_exit(PTHREAD_CANCELED);
  self->canceldisable = PTHREAD_CANCEL_DISABLE;
  return -ECANCELED;
}

static long point(void) {
  pthread_t self = __pthread_self();
  return self->cancel && self->canceldisable != PTHREAD_CANCEL_DISABLE ? __cancel() : 0;
}

void __testcancel(void) {
  pthread_t self = __pthread_self();
  if (self->cancel && !self->canceldisable)
    __cancel();
}

int pthread_cancel(pthread_t thread) {
  __cancellation_point = point;
  thread->cancel = 1;
  if (thread == __pthread_self() && thread->canceldisable == PTHREAD_CANCEL_ENABLE && thread->cancelasync)
    pthread_exit(PTHREAD_CANCELED);
  return 0;
}
