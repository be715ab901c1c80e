/* What a program needs that has no entry of its own. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Asked by the controller. */
int *bellglass_errno_address(void) { return &errno; }

/* wasi-libc keeps the working directory in the guest and begins at "/". */
__attribute__((constructor)) void bellglass_enter_working_directory(void) {
  const char *path = getenv("PWD");
  if (path && *path == '/') {
    (void)chdir(path);
    errno = 0;
  }
}
