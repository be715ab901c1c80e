#include <errno.h>

/* Asked by the controller. */
int *bellglass_errno_address(void) { return &errno; }
