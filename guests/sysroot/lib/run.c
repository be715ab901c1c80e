/* See the header. */
#include <bellglass/run.h>

unsigned bellglass_run_number = 1;

void bellglass_begin_run(void) { bellglass_run_number++; }
