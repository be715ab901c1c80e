/* A program: the cell calls _start. */
#include "kernel/start.h"

#include <bellglass/run.h>

int __main_void(void);
int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void));

/* The constructors of the program, which the linker knows. */
void __wasm_call_ctors(void);
void _init(void) { __wasm_call_ctors(); }

static int run(int count, char **arguments, char **environment) {
  (void)count, (void)arguments, (void)environment;
  return __main_void();
}

void _start(void) {
  char **arguments = __read_arguments();
  __libc_start_main(run, bellglass_argument_count, arguments, 0, 0, 0);
}
