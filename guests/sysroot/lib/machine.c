/* The name of the machine and the number of its processors are delegated; wasi-libc
 * knows none of the one, and one of the other. */
#include <string.h>
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
  if (name != _SC_NPROCESSORS_ONLN && name != _SC_NPROCESSORS_CONF)
    return libc_sysconf(name);
  int count = get_nprocs();
  return count > 0 ? count : 1;
}
