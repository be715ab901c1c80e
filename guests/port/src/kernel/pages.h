/* Pages of memory, and who has them. */
#ifndef BELLGLASS_SRC_PAGES_H
#define BELLGLASS_SRC_PAGES_H
#include <features.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE UINT64_C(4096)

/* The end of what a 32-bit address can name. */
#define END_OF_ADDRESSES (UINT64_C(1) << 32)

/* Addresses as numbers that hold the end of four GiB too. */
struct range {
  uint64_t begin, end;
};

static inline uint64_t whole_pages(uint64_t length) { return (length + PAGE - 1) / PAGE * PAGE; }

/* The pages from this address on that hold this many bytes. */
static inline struct range range_of(long address, unsigned long length) {
  uint64_t begin = (unsigned long)address;
  return (struct range){begin, begin + whole_pages(length)};
}

/* What two ranges have in common; of none, both ends are the same. */
static inline struct range common(struct range one, struct range other) {
  uint64_t begin = one.begin > other.begin ? one.begin : other.begin;
  uint64_t end = one.end < other.end ? one.end : other.end;
  return begin < end ? (struct range){begin, end} : (struct range){begin, begin};
}

/* The first address that pages can have: behind what the program was linked with. */
hidden uint64_t __first_page(void);

/* Takes pages that nobody has, anywhere; they are zero. Gives 0 if there is no more
 * memory. */
hidden uint64_t __take_pages(uint64_t length, uint64_t alignment);

/* Takes these very pages; fails if somebody has one of them. */
hidden int __take_pages_at(struct range range);

/* Gives pages back; those that nobody has may be among them. */
hidden void __give_pages(struct range range);

/* How many bytes of a range somebody has. */
hidden uint64_t __taken_pages(struct range range);
#endif
