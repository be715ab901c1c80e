/* Limits of files by their descriptor. musl's tells them of any number. */
#include "pathconf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

long fpathconf(int fd, int name) {
  /* Which sets errno for a number that is no descriptor. */
  return fcntl(fd, F_GETFD) < 0 ? -1 : __limit_of_files(name);
}
