/* Whole pages of memory, for maps. */
#ifndef BELLGLASS_PAGES_H
#define BELLGLASS_PAGES_H
#include <stddef.h>

/* WebAssembly's own page, which is also what sysconf says. */
#define PAGE ((size_t)65536)

/* Pages that are zero, at an address that is a multiple of `alignment`, which is
 * one of PAGE. Null, with errno set, if there is no more memory. */
char *bellglass_take_pages(size_t length, size_t alignment);

/* The pages at this address, zero, if nobody has them. Else null. */
char *bellglass_take_pages_at(char *address, size_t length);

/* Gives pages back, all that were taken at once or some of them. */
void bellglass_give_pages(char *address, size_t length);

/* How many bytes of a range have been given back and are nobody's now. */
size_t bellglass_free_pages(const char *address, size_t length);
#endif
