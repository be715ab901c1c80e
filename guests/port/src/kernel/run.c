/* A started interpreter becomes a new run's. */
#define _GNU_SOURCE
#include <unistd.h>

#include "start.h"

#include "libc.h"
#include "pthread_impl.h"
#include "signals.h"

#include <bellglass/run.h>

/* Only there in a program that asks for local time. */
weak void __tzset(void);

void bellglass_begin_run(void) {
  char **arguments = __read_arguments(), **environment = arguments + bellglass_argument_count + 1;
  /* The zone is asked for again when the variable is another one than the last time:
   * this one needs no file. */
  if (__tzset) {
    char zone[] = "TZ=UTC0", *none[] = {zone, 0};
    __environ = none;
    __tzset();
  }
  __environ = environment;
  while (*environment)
    environment++;
  libc.auxv = (size_t *)(environment + 1);
  __progname = __progname_full = arguments[0] ? arguments[0] : "";
  for (char *name = __progname_full; *name; name++)
    if (*name == '/')
      __progname = name + 1;
  __pthread_self()->tid = __process;
}
