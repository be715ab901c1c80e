/* The name of the machine, the number of its processors and the limit of open files
 * are delegated; wasi-libc knows none of the first and the last, and one of the
 * second. */
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *result) {
  memset(result, 0, sizeof *result);
  strcpy(result->sysname, "wasi");
  strcpy(result->release, "0.0.0");
  strcpy(result->version, "0.0.0");
  strcpy(result->machine, "wasm32");
  if (gethostname(result->nodename, sizeof result->nodename) < 0)
    strcpy(result->nodename, "(none)");
  return 0;
}

long libc_sysconf(int) __asm__("sysconf");

long sysconf(int name) {
  if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) {
    int count = get_nprocs();
    return count > 0 ? count : 1;
  }
  struct rlimit files;
  if (name == _SC_OPEN_MAX && !getrlimit(RLIMIT_NOFILE, &files))
    return files.rlim_cur < INT_MAX ? (long)files.rlim_cur : INT_MAX;
  return libc_sysconf(name);
}
