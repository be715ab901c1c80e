/* In the library: temporary files; the locks of streams, which a single thread
 * does not need. Delegated: popen and pclose, as calls that give and take a
 * descriptor. */
#ifndef BELLGLASS_STDIO_H
#define BELLGLASS_STDIO_H
/* wasi-libc declares these as deprecated, because it has none. */
#define tmpfile wasi_libc_tmpfile
#define tmpnam wasi_libc_tmpnam
#define tempnam wasi_libc_tempnam
#include_next <stdio.h>
#undef tmpfile
#undef tmpnam
#undef tempnam
#ifndef L_tmpnam
#define L_tmpnam 20
#endif
#ifndef TMP_MAX
#define TMP_MAX 10000
#endif
#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#ifndef L_ctermid
#define L_ctermid 20
#endif

#ifdef __cplusplus
extern "C" {
#endif
FILE *tmpfile(void);
char *tmpnam(char *);
char *tempnam(const char *, const char *);
FILE *popen(const char *, const char *);
int pclose(FILE *);
void flockfile(FILE *);
int ftrylockfile(FILE *);
void funlockfile(FILE *);
#ifdef __cplusplus
}
#endif
#endif
