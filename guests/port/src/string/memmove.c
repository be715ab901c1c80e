#include <stdint.h>
#include <string.h>

#include "words.h"

WITH_BULK_MEMORY void *memmove(void *to, const void *from, size_t size) {
  if (size >= BULK)
    return __builtin_memmove(to, from, size);
  unsigned char *d = to;
  const unsigned char *s = from;
  if ((uintptr_t)d - (uintptr_t)s >= size)
    return memcpy(to, from, size);
  for (; size >= sizeof(word); size -= sizeof(word))
    *(word *)(d + size - sizeof(word)) = *(const word *)(s + size - sizeof(word));
  while (size--)
    d[size] = s[size];
  return to;
}
