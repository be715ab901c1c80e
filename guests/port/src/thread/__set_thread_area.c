#include "pthread_impl.h"

int __set_thread_area(void *address) {
  __thread_pointer = (uintptr_t)address;
  return 0;
}
