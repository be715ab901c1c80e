/* In the library: ioctl. FIONREAD and FIONBIO go to wasi-libc, all others are
 * the external call `env.ioctl(iii)i`. */
#ifndef BELLGLASS_SYS_IOCTL_H
#define BELLGLASS_SYS_IOCTL_H
#include_next <sys/ioctl.h>
#include <bellglass/delegated.h>

/* Linux's numbers: these answer what a program asks of a terminal. */
#define TIOCEXCL 0x540C
#define TIOCNXCL 0x540D
#define TIOCSCTTY 0x540E
#define TIOCGPGRP 0x540F
#define TIOCSPGRP 0x5410
#define TIOCOUTQ 0x5411
#define TIOCSTI 0x5412
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define TIOCNOTTY 0x5422

struct winsize {
  unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

#ifdef __cplusplus
extern "C" {
#endif
int ioctl(int, int, ...) BELLGLASS_LIBRARY(ioctl);
#ifdef __cplusplus
}
#endif
#endif
