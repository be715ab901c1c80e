/* poll is wasi-libc's. What it has no number for is never ready: it may be asked
 * for beside what can be. */
#ifndef BELLGLASS_POLL_H
#define BELLGLASS_POLL_H
#include_next <poll.h>

#define POLLPRI 0x0004
#define POLLRDBAND 0x0008
#define POLLWRBAND 0x0010
#endif
