/* Whole pages of memory, apart from malloc's: a piece of malloc's memory could not
 * be given back in parts, and has words of its own before it, so that two pieces of
 * two MiB that begin at a multiple of two MiB would take eight.
 *
 * WebAssembly's memory grows at its end and never shrinks. Pages that are given
 * back are kept in a list by address, and neighbours become one, so that they serve
 * again. A list's entry lies in the free pages themselves: giving back needs no
 * memory, and cannot fail. malloc and this both make the memory grow, and each is
 * content if the other did so in between. */
#include "pages.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct hole {
  struct hole *next;
  size_t length;
};
static struct hole *holes;

/* Addresses as numbers that hold the end of four GiB too. */
static uint64_t number(const void *address) { return (uint64_t)(uintptr_t)address; }
static uint64_t end_of(const struct hole *hole) { return number(hole) + hole->length; }
static uint64_t end_of_memory(void) { return (uint64_t)__builtin_wasm_memory_size(0) * PAGE; }

void bellglass_give_pages(char *address, size_t length) {
  if (!length)
    return;
  struct hole **at = &holes, *before = 0;
  while (*at && (char *)*at < address) {
    before = *at;
    at = &before->next;
  }
  struct hole *hole = (struct hole *)address;
  *hole = (struct hole){.next = *at, .length = length};
  *at = hole;
  if (hole->next && end_of(hole) == number(hole->next)) {
    hole->length += hole->next->length;
    hole->next = hole->next->next;
  }
  if (before && end_of(before) == number(hole)) {
    before->length += hole->length;
    before->next = hole->next;
  }
}

/* Takes a range out of a hole, which leaves what is before and behind it. */
static char *carve(struct hole **at, char *address, size_t length) {
  struct hole *hole = *at;
  char *begin = (char *)hole;
  size_t before = (size_t)(address - begin), behind = hole->length - before - length;
  *at = hole->next;
  bellglass_give_pages(begin, before);
  bellglass_give_pages(address + length, behind);
  return memset(address, 0, length);
}

/* Makes the memory grow up to this end. Takes the range before it, which begins in
 * the hole at the memory's end, if there is one, or behind it. */
static char *grow(uint64_t begin, uint64_t end) {
  uint64_t old_end = end_of_memory();
  if (end > UINT64_C(1) << 32 || __builtin_wasm_memory_grow(0, (size_t)((end - old_end) / PAGE)) == SIZE_MAX) {
    errno = ENOMEM;
    return 0;
  }
  struct hole **at = &holes;
  while (*at && end_of(*at) != old_end)
    at = &(*at)->next;
  uint64_t free_from = old_end;
  if (*at) {
    free_from = number(*at);
    *at = (*at)->next;
  }
  char *address = (char *)(uintptr_t)begin;
  /* What has just come is zero, and need not be touched. */
  if (begin < old_end)
    memset(address, 0, (size_t)(old_end - begin));
  bellglass_give_pages((char *)(uintptr_t)free_from, (size_t)(begin - free_from));
  return address;
}

static uint64_t aligned(uint64_t address, size_t alignment) {
  return (address + alignment - 1) / alignment * alignment;
}

char *bellglass_take_pages(size_t length, size_t alignment) {
  uint64_t free_from = end_of_memory();
  for (struct hole **at = &holes; *at; at = &(*at)->next) {
    uint64_t begin = aligned(number(*at), alignment);
    if (begin + length <= end_of(*at))
      return carve(at, (char *)(uintptr_t)begin, length);
    if (end_of(*at) == free_from)
      free_from = number(*at);
  }
  uint64_t begin = aligned(free_from, alignment);
  return grow(begin, begin + length);
}

char *bellglass_take_pages_at(char *address, size_t length) {
  uint64_t begin = number(address), end = begin + length, memory = end_of_memory();
  for (struct hole **at = &holes; *at; at = &(*at)->next) {
    if (begin < number(*at) || begin >= end_of(*at))
      continue;
    if (end <= end_of(*at))
      return carve(at, address, length);
    return end_of(*at) == memory ? grow(begin, end) : 0;
  }
  return begin == memory ? grow(begin, end) : 0;
}

size_t bellglass_free_pages(const char *address, size_t length) {
  uint64_t begin = number(address), end = begin + length;
  size_t count = 0;
  for (const struct hole *hole = holes; hole && number(hole) < end; hole = hole->next) {
    uint64_t from = number(hole) > begin ? number(hole) : begin;
    uint64_t to = end_of(hole) < end ? end_of(hole) : end;
    if (from < to)
      count += (size_t)(to - from);
  }
  return count;
}
