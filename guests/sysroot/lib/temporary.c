/* Temporary names, which wasi-libc leaves out; the random letters come from
 * the random call as everything random does. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fill(char *name) {
  static const char letters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  size_t length = strlen(name);
  unsigned char bytes[6];
  if (length < 6 || memcmp(name + length - 6, "XXXXXX", 6)) {
    errno = EINVAL;
    return -1;
  }
  if (getentropy(bytes, sizeof bytes))
    return -1;
  for (int i = 0; i < 6; i++)
    name[length - 6 + (size_t)i] = letters[bytes[i] % 62];
  return 0;
}

static void unfill(char *name) { memset(name + strlen(name) - 6, 'X', 6); }

int mkostemp(char *name, int flags) {
  for (int tries = 0; tries < 100; tries++) {
    if (fill(name))
      return -1;
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
    if (fd >= 0)
      return fd;
    unfill(name);
    if (errno != EEXIST)
      return -1;
  }
  return -1;
}

int mkstemp(char *name) { return mkostemp(name, 0); }

char *mkdtemp(char *name) {
  for (int tries = 0; tries < 100; tries++) {
    if (fill(name))
      return 0;
    if (!mkdir(name, 0700))
      return name;
    unfill(name);
    if (errno != EEXIST)
      return 0;
  }
  return 0;
}
