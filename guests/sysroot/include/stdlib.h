/* Delegated: system (the command goes to the controller as it is) and
 * pseudo-terminals. In the library: mkstemp and its family, valloc and memalign. */
#ifndef BELLGLASS_STDLIB_H
#define BELLGLASS_STDLIB_H
#include_next <stdlib.h>
#ifdef __cplusplus
extern "C" {
#endif
int system(const char *);
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
int ptsname_r(int, char *, size_t);
char *ptsname(int);

int mkstemp(char *);
int mkostemp(char *, int);
char *mkdtemp(char *);
char *mktemp(char *);
void *valloc(size_t);
void *memalign(size_t, size_t);
#ifdef _GNU_SOURCE
size_t malloc_usable_size(void *);
#endif
#ifdef __cplusplus
}
#endif
#endif
