/* fcntl and ioctl in front of wasi-libc's, which know only WASI's few
 * commands. The imports take the third argument by value, so that a handler
 * does not need to know how wasm passes variable arguments. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>

int libc_fcntl(int, int, ...) __asm__("fcntl");
int libc_ioctl(int, int, ...) __asm__("ioctl");

int env_fcntl(int, int, long) BELLGLASS_DELEGATED(fcntl);
int env_ioctl(int, int, long) BELLGLASS_DELEGATED(ioctl);

int fcntl(int fd, int command, ...) {
  va_list args;
  va_start(args, command);
  long argument = va_arg(args, long);
  va_end(args);
  switch (command) {
  case F_GETFD:
  case F_SETFD:
    /* wasi-libc answers these without a look at the descriptor. */
    if (libc_fcntl(fd, F_GETFL) < 0)
      return -1;
    return libc_fcntl(fd, command, argument);
  case F_GETFL:
  case F_SETFL:
    return libc_fcntl(fd, command, argument);
  default:
    return env_fcntl(fd, command, argument);
  }
}

int ioctl(int fd, int command, ...) {
  va_list args;
  va_start(args, command);
  long argument = va_arg(args, long);
  va_end(args);
  switch (command) {
  case FIONREAD:
  case FIONBIO:
    return libc_ioctl(fd, command, argument);
  default:
    return env_ioctl(fd, command, argument);
  }
}
