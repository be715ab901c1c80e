/* A program whose main takes the environment too. */
#include <unistd.h>

extern char **environ;
int main(int, char **, char **) __asm__("main");

int __main_argc_argv(int count, char **arguments) {
  int (*function)(int, char **, char **) = main;
  return function(count, arguments, environ);
}
