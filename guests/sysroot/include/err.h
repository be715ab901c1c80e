/* In the library: wasi-libc declares these and lacks the ones that end the
 * program. */
#ifndef BELLGLASS_ERR_H
#define BELLGLASS_ERR_H
#include <features.h>
#include <stdarg.h>
#ifdef __cplusplus
extern "C" {
#endif
void warn(const char *, ...) __attribute__((__format__(__printf__, 1, 2)));
void vwarn(const char *, va_list);
void warnx(const char *, ...) __attribute__((__format__(__printf__, 1, 2)));
void vwarnx(const char *, va_list);
_Noreturn void err(int, const char *, ...) __attribute__((__format__(__printf__, 2, 3)));
_Noreturn void verr(int, const char *, va_list);
_Noreturn void errx(int, const char *, ...) __attribute__((__format__(__printf__, 2, 3)));
_Noreturn void verrx(int, const char *, va_list);
#ifdef __cplusplus
}
#endif
#endif
