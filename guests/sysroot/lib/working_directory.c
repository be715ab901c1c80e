/* The working directory without links and "..": wasi-libc joins the texts, and
 * what it has joined stops working when a directory in the middle goes away. And
 * what a path means that begins there: an empty one nothing, which wasi-libc takes
 * for the working directory itself. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* wasi-libc's. Its own header would make the function below a weak one, of which
 * wasi-libc has another. */
extern char *__wasilibc_cwd;
int __wasilibc_find_abspath(const char *, const char **, const char **);
int __wasilibc_find_relpath_alloc(const char *, const char **, char **, size_t *, int);

int libc_chdir(const char *) __asm__("chdir");

int chdir(const char *path) {
  char resolved[PATH_MAX];
  if (!realpath(path, resolved))
    return -1;
  return libc_chdir(resolved);
}

static const char *skip_here(const char *path) {
  while (path[0] == '.' && path[1] == '/')
    for (path++; *path == '/';)
      path++;
  return path[0] == '.' && !path[1] ? path + 1 : path;
}

/* Every function with a path asks this one for a directory's descriptor and the
 * path from there, in a buffer that may be made larger. */
int __wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *length,
                                  int can_grow) {
  if (!*path) {
    errno = ENOENT;
    return -1;
  }
  char *whole = 0;
  if (*path != '/') {
    path = skip_here(path);
    whole = malloc(strlen(__wasilibc_cwd) + strlen(path) + 2);
    if (!whole) {
      errno = ENOMEM;
      return -1;
    }
    strcpy(whole, __wasilibc_cwd);
    if (*path) {
      if (strcmp(whole, "/"))
        strcat(whole, "/");
      strcat(whole, path);
    }
    path = whole;
  }
  const char *found;
  int fd = __wasilibc_find_abspath(path, prefix, &found);
  size_t size = fd < 0 ? 0 : strlen(found) + 1;
  if (size > *length) {
    char *larger = can_grow ? realloc(*relative, size) : 0;
    if (larger) {
      *relative = larger;
      *length = size;
    } else {
      errno = can_grow ? ENOMEM : ERANGE;
      fd = -1;
    }
  }
  if (fd >= 0)
    memcpy(*relative, found, size);
  int error = errno;
  free(whole);
  errno = error;
  return fd;
}
