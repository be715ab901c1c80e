/* Forms of malloc, and what is said of pages that are never anywhere else. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *memalign(size_t alignment, size_t size) {
  void *memory;
  int error = posix_memalign(&memory, alignment < sizeof memory ? sizeof memory : alignment, size);
  if (!error)
    return memory;
  errno = error;
  return 0;
}

void *valloc(size_t size) { return memalign((size_t)sysconf(_SC_PAGESIZE), size); }

int mlock(const void *address, size_t length) {
  (void)address, (void)length;
  return 0;
}
int munlock(const void *address, size_t length) {
  (void)address, (void)length;
  return 0;
}
int getdtablesize(void) { return (int)sysconf(_SC_OPEN_MAX); }
char *get_current_dir_name(void) { return getcwd(0, 0); }
