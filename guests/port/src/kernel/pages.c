/* Which pages of the memory are taken: a bit for each. WebAssembly's memory grows at its
 * end, by 16 of these pages at a time, and never shrinks; pages that are given back
 * serve again. Nothing is written to a page that nobody has. */
#include "pages.h"

#include <string.h>

/* What WebAssembly counts in. */
#define UNIT UINT64_C(65536)

#define WORD_BITS 32
static uint32_t taken[END_OF_ADDRESSES / PAGE / WORD_BITS];

/* Below it, counted in pages, all are taken; from it on, none was ever taken, so that
 * what is there is zero as it came. Zero: nothing was taken yet. */
static uint32_t first_free, first_fresh;

extern unsigned char __heap_base;

uint64_t __first_page(void) { return whole_pages((uintptr_t)&__heap_base); }

static uint32_t end_of_memory(void) { return (uint32_t)((uint64_t)__builtin_wasm_memory_size(0) * UNIT / PAGE); }

static int is_taken(uint32_t page) { return taken[page / WORD_BITS] >> page % WORD_BITS & 1; }

/* The first page from this one on that is free (or taken), but none behind `end`. */
static uint32_t next(uint32_t page, uint32_t end, int free) {
  while (page < end) {
    uint32_t word = taken[page / WORD_BITS];
    word = (free ? ~word : word) >> page % WORD_BITS;
    if (word) {
      page += (uint32_t)__builtin_ctz(word);
      return page < end ? page : end;
    }
    page = (page / WORD_BITS + 1) * WORD_BITS;
  }
  return end;
}

static void mark(uint32_t from, uint32_t end, int as_taken) {
  while (from < end) {
    uint32_t bit = from % WORD_BITS, count = end - from < WORD_BITS - bit ? end - from : WORD_BITS - bit;
    uint32_t mask = (count == WORD_BITS ? ~0u : (1u << count) - 1) << bit;
    if (as_taken)
      taken[from / WORD_BITS] |= mask;
    else
      taken[from / WORD_BITS] &= ~mask;
    from += count;
  }
}

static void begin(void) {
  if (!first_fresh)
    first_free = first_fresh = (uint32_t)(__first_page() / PAGE);
}

/* Makes the memory reach to this page. */
static int reach(uint64_t end) {
  uint64_t now = end_of_memory();
  if (end <= now)
    return 0;
  if (end > END_OF_ADDRESSES / PAGE)
    return -1;
  uint64_t units = ((end - now) * PAGE + UNIT - 1) / UNIT;
  return __builtin_wasm_memory_grow(0, (size_t)units) == SIZE_MAX ? -1 : 0;
}

static int take(uint32_t from, uint64_t end) {
  if (reach(end))
    return -1;
  uint32_t used_end = end < first_fresh ? (uint32_t)end : first_fresh;
  if (from < used_end)
    memset((void *)(uintptr_t)(from * PAGE), 0, (size_t)((used_end - from) * PAGE));
  if (end > first_fresh)
    first_fresh = (uint32_t)end;
  mark(from, (uint32_t)end, 1);
  if (from == first_free)
    first_free = (uint32_t)end;
  return 0;
}

uint64_t __take_pages(uint64_t length, uint64_t alignment) {
  begin();
  uint64_t count = length / PAGE, step = alignment / PAGE;
  uint32_t memory = end_of_memory();
  uint32_t page = first_free = next(first_free, memory, 1);
  for (;;) {
    uint64_t from = (page + step - 1) / step * step, end = from + count;
    if (from >= memory || end > memory) {
      /* Whether or not the pages before the end are free, more must come. */
      if (from < memory && next((uint32_t)from, memory, 0) < memory) {
        page = next(next((uint32_t)from, memory, 0), memory, 1);
        continue;
      }
      return end <= END_OF_ADDRESSES / PAGE && !take((uint32_t)from, end) ? from * PAGE : 0;
    }
    uint32_t hindrance = next((uint32_t)from, (uint32_t)end, 0);
    if (hindrance == end)
      return take((uint32_t)from, end) ? 0 : from * PAGE;
    page = next(hindrance, memory, 1);
  }
}

int __take_pages_at(struct range range) {
  begin();
  uint64_t from = range.begin / PAGE, end = range.end / PAGE;
  if (range.begin < __first_page() || range.end > END_OF_ADDRESSES)
    return -1;
  if (next((uint32_t)from, (uint32_t)end, 0) != end)
    return -1;
  return take((uint32_t)from, end);
}

void __give_pages(struct range range) {
  begin();
  uint64_t first = __first_page();
  if (range.begin < first)
    range.begin = first;
  uint64_t memory = end_of_memory() * PAGE;
  if (range.end > memory)
    range.end = memory;
  if (range.begin >= range.end)
    return;
  mark((uint32_t)(range.begin / PAGE), (uint32_t)(range.end / PAGE), 0);
  if (range.begin / PAGE < first_free)
    first_free = (uint32_t)(range.begin / PAGE);
}

uint64_t __taken_pages(struct range range) {
  begin();
  uint64_t count = 0;
  struct range known = common(range, (struct range){0, end_of_memory() * PAGE});
  /* What the program was linked with is its own. */
  struct range linked = common(known, (struct range){0, __first_page()});
  count += linked.end - linked.begin;
  uint64_t from = known.begin > __first_page() ? known.begin : __first_page();
  for (uint64_t page = from / PAGE; page < known.end / PAGE; page++)
    count += is_taken((uint32_t)page) ? PAGE : 0;
  return count;
}
