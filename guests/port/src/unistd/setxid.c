/* musl's own has every thread make the call, with a number that the compiler cannot
 * know. Here it is made once, and by its name. */
#include <unistd.h>

#include "libc.h"
#include "syscall.h"

int __setxid(int number, int id, int effective, int saved) {
  switch (number) {
  case SYS_setuid:
    return syscall(SYS_setuid, id);
  case SYS_setgid:
    return syscall(SYS_setgid, id);
  case SYS_setreuid:
    return syscall(SYS_setreuid, id, effective);
  case SYS_setregid:
    return syscall(SYS_setregid, id, effective);
  case SYS_setresuid:
    return syscall(SYS_setresuid, id, effective, saved);
  case SYS_setresgid:
    return syscall(SYS_setresgid, id, effective, saved);
  default:
    return __syscall_ret(-ENOSYS);
  }
}
