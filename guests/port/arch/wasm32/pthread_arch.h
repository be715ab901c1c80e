/* The thread pointer lies in memory and not in a global of the module, so that a
 * snapshot of the memory keeps it. */
extern hidden uintptr_t __thread_pointer;

static inline uintptr_t __get_tp(void) { return __thread_pointer; }
