/* err and warn. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char *__progname __attribute__((weak));

static void message(const char *format, va_list arguments, int error) {
  fprintf(stderr, "%s: ", &__progname && __progname ? __progname : "program");
  if (format) {
    vfprintf(stderr, format, arguments);
    if (error)
      fputs(": ", stderr);
  }
  if (error)
    fputs(strerror(error), stderr);
  fputc('\n', stderr);
}

void vwarn(const char *format, va_list arguments) { message(format, arguments, errno); }
void vwarnx(const char *format, va_list arguments) { message(format, arguments, 0); }
void verr(int status, const char *format, va_list arguments) {
  vwarn(format, arguments);
  exit(status);
}
void verrx(int status, const char *format, va_list arguments) {
  vwarnx(format, arguments);
  exit(status);
}

#define WITH_ARGUMENTS(last, call)                                             \
  va_list arguments;                                                           \
  va_start(arguments, last);                                                   \
  call;                                                                        \
  va_end(arguments)

void warn(const char *format, ...) { WITH_ARGUMENTS(format, vwarn(format, arguments)); }
void warnx(const char *format, ...) { WITH_ARGUMENTS(format, vwarnx(format, arguments)); }
void err(int status, const char *format, ...) {
  WITH_ARGUMENTS(format, verr(status, format, arguments));
}
void errx(int status, const char *format, ...) {
  WITH_ARGUMENTS(format, verrx(status, format, arguments));
}
