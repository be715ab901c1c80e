/* See include/setjmp.h: what sigsetjmp does before it is setjmp. */
#include <setjmp.h>
#include <signal.h>

#include "syscall.h"

void __keep_signal_mask(struct __jmp_buf_tag *environment, int save) {
  environment->__fl = save != 0;
  if (save)
    __syscall(SYS_rt_sigprocmask, SIG_SETMASK, 0, environment->__ss, _NSIG / 8);
}
