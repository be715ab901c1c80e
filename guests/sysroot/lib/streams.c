/* What stdio has beside files: pipes to commands, temporary files, locks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bellglass/delegated.h>

/* The command's other end, as a descriptor; and the command's status when that
 * is closed. */
int env_popen(const char *, const char *) BELLGLASS_DELEGATED(popen);
int env_pclose(int) BELLGLASS_DELEGATED(pclose);

FILE *popen(const char *command, const char *mode) {
  if (*mode != 'r' && *mode != 'w') {
    errno = EINVAL;
    return 0;
  }
  int fd = env_popen(command, mode);
  if (fd < 0)
    return 0;
  FILE *stream = fdopen(fd, *mode == 'r' ? "r" : "w");
  if (!stream)
    env_pclose(fd);
  return stream;
}

int pclose(FILE *stream) {
  int fd = dup(fileno(stream));
  fclose(stream);
  return fd < 0 ? -1 : env_pclose(fd);
}

FILE *tmpfile(void) {
  char name[] = "/tmp/tmpfile-XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0)
    return 0;
  unlink(name);
  FILE *stream = fdopen(fd, "w+");
  if (!stream)
    close(fd);
  return stream;
}

static int is_free(const char *path) {
  struct stat status;
  return lstat(path, &status) && errno == ENOENT;
}

char *mktemp(char *name) {
  size_t length = strlen(name);
  if (length < 6 || strcmp(name + length - 6, "XXXXXX")) {
    errno = EINVAL;
    *name = 0;
    return name;
  }
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (int tries = 0; tries < 100; tries++) {
    unsigned char bytes[6];
    if (getentropy(bytes, sizeof bytes))
      break;
    for (int i = 0; i < 6; i++)
      name[length - 6 + (size_t)i] = letters[bytes[i] % 36];
    if (is_free(name))
      return name;
  }
  *name = 0;
  return name;
}

char *tmpnam(char *name) {
  static char own[L_tmpnam];
  char made[] = "/tmp/tmpXXXXXX";
  if (!*mktemp(made))
    return 0;
  return strcpy(name ? name : own, made);
}

char *tempnam(const char *folder, const char *prefix) {
  char name[PATH_MAX];
  if (!folder || access(folder, W_OK))
    folder = "/tmp";
  if (snprintf(name, sizeof name, "%s/%.5sXXXXXX", folder, prefix ? prefix : "") >= PATH_MAX) {
    errno = ENAMETOOLONG;
    return 0;
  }
  return *mktemp(name) ? strdup(name) : 0;
}

/* One thread is never in its own way. */
void flockfile(FILE *stream) { (void)stream; }
int ftrylockfile(FILE *stream) {
  (void)stream;
  return 0;
}
void funlockfile(FILE *stream) { (void)stream; }
