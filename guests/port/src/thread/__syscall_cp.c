/* What a call at which a thread may be cancelled asks first, if anything was ever
 * cancelled; see arch/wasm32/syscall_arch.h. */
#include "syscall.h"

long (*__cancellation_point)(void);
