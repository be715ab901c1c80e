#include <string.h>

#include "words.h"

WITH_BULK_MEMORY void *memset(void *to, int value, size_t size) {
  if (size >= BULK)
    return __builtin_memset(to, value, size);
  unsigned char *d = to;
  unsigned long long all = (unsigned char)value * 0x0101010101010101ull;
  for (; size >= sizeof(word); size -= sizeof(word), d += sizeof(word))
    *(word *)d = all;
  while (size--)
    *d++ = (unsigned char)value;
  return to;
}
