/* The compiler gives main a name by what it takes: this is the one without arguments,
 * which a program that has it brings along. */
#include <bellglass/run.h>

int __main_argc_argv(int, char **);

int __main_void(void) { return __main_argc_argv(bellglass_argument_count, bellglass_arguments); }
