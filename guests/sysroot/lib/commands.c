/* The forms of exec that take a list: each becomes the delegated one. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS 1024

/* The list of arguments, and what follows it. */
#define COLLECT(last)                                                          \
  char *words[WORDS];                                                          \
  size_t count = 0;                                                            \
  va_list arguments;                                                           \
  va_start(arguments, last);                                                   \
  words[count++] = (char *)last;                                               \
  while (words[count - 1] && count < WORDS)                                    \
    words[count++] = va_arg(arguments, char *);                                \
  if (words[count - 1]) {                                                      \
    va_end(arguments);                                                         \
    errno = E2BIG;                                                             \
    return -1;                                                                 \
  }

int execl(const char *path, const char *first, ...) {
  COLLECT(first)
  va_end(arguments);
  return execv(path, words);
}

int execlp(const char *file, const char *first, ...) {
  COLLECT(first)
  va_end(arguments);
  return execvp(file, words);
}

int execle(const char *path, const char *first, ...) {
  COLLECT(first)
  char **environment = va_arg(arguments, char **);
  va_end(arguments);
  return execve(path, words, environment);
}
