/* The name of the machine is delegated; wasi-libc's uname knows none. */
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
