#include <setjmp.h>
#include <signal.h>

#include "syscall.h"

_Noreturn void siglongjmp(sigjmp_buf environment, int value) {
  if (environment->__fl)
    __syscall(SYS_rt_sigprocmask, SIG_SETMASK, environment->__ss, 0, _NSIG / 8);
  longjmp(environment, value);
}
