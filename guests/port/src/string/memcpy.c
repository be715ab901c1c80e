/* WebAssembly copies much memory at once; what is little is quicker by words. */
#include <string.h>

#include "words.h"

WITH_BULK_MEMORY void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  if (size >= BULK)
    return __builtin_memcpy(to, from, size);
  unsigned char *d = to;
  const unsigned char *s = from;
  for (; size >= sizeof(word); size -= sizeof(word), d += sizeof(word), s += sizeof(word))
    *(word *)d = *(const word *)s;
  if (size & 4) {
    *(half *)d = *(const half *)s;
    d += 4, s += 4;
  }
  for (size &= 3; size; size--)
    *d++ = *s++;
  return to;
}
