/* A path of no characters names nothing, whatever is asked with it; wasi-libc
 * takes it for the working directory. All its functions with a path go through
 * one of these two, and the linker leads them here first (--wrap). */
#include <errno.h>
#include <stddef.h>

int __real___wasilibc_find_relpath(const char *, const char **, char **, size_t);
int __real___wasilibc_find_relpath_alloc(const char *, const char **, char **, size_t *, int);

int __wrap___wasilibc_find_relpath(const char *path, const char **prefix, char **relative, size_t length) {
  if (!*path) {
    errno = ENOENT;
    return -1;
  }
  return __real___wasilibc_find_relpath(path, prefix, relative, length);
}

int __wrap___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative,
                                         size_t *length, int can_grow) {
  if (!*path) {
    errno = ENOENT;
    return -1;
  }
  return __real___wasilibc_find_relpath_alloc(path, prefix, relative, length, can_grow);
}
