/* See the header. */
#include <bellglass/run.h>
#include <stdint.h>
#include <stdlib.h>
#include <wasi/api.h>
#include <wasi/libc-environ.h>

unsigned bellglass_run_number = 1;

int bellglass_argument_count;
char **bellglass_arguments;

/* In entry.c. */
void bellglass_enter_working_directory(void);

static void fetch_arguments(void) {
  __wasi_size_t count, size;
  if (__wasi_args_sizes_get(&count, &size))
    abort();
  char *text = malloc(size + 1);
  char **list = calloc(count + 1, sizeof *list);
  if (!text || !list || __wasi_args_get((uint8_t **)list, (uint8_t *)text))
    abort();
  bellglass_argument_count = (int)count;
  bellglass_arguments = list;
}

void bellglass_begin_run(void) {
  bellglass_run_number++;
  fetch_arguments();
  __wasilibc_deinitialize_environ();
  __wasilibc_ensure_environ();
  bellglass_enter_working_directory();
}
