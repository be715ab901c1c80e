/* A library of exports: the cell calls _initialize before all others. */
#include "kernel/start.h"

#include "libc.h"

#include <bellglass/run.h>

void __wasm_call_ctors(void);
void _init(void) { __wasm_call_ctors(); }

__attribute__((export_name("_initialize"))) void _initialize(void) {
  static int is_done;
  if (is_done)
    __builtin_trap();
  is_done = 1;
  char **arguments = __read_arguments();
  __init_libc(arguments + bellglass_argument_count + 1, arguments[0]);
  __libc_start_init();
}
