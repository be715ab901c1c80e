/* How a program ends: each sequence is a process of its own, `PROGRAM SEED NUMBER 1`, and
 * its exit status and its output are what is compared. */
#include "common.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static void at_exit_one(void) { printf("one\n"); }
static void at_exit_two(void) {
  printf("two\n");
  atexit(at_exit_one);
}
static void at_exit_ends(void) {
  printf("ends\n");
  fflush(stdout);
  _exit(77);
}
static void at_quick_exit_note(void) { write_out("quick\n", 6); }

static void note(int number) {
  char line[40];
  write_out(line, (size_t)snprintf(line, sizeof line, "handler %d\n", number));
}
static void exit_in_handler(int number) {
  printf("exit in the handler\n");
  exit(40 + number % 8);
}
static void note_and_again(int number) {
  note(number);
  signal(number, SIG_DFL);
  raise(number);
  /* It is blocked until the handler is left. */
  write_out("still here\n", 11);
}

static int stops(int number) {
  return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* Any that ends by default, or does nothing. */
static int some_signal(void) {
  for (;;) {
    int number = between(1, 64);
    /* Three are the library's own. */
    if (!stops(number) && (number < 32 || number > 34))
      return number;
  }
}

static void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(number, &action, 0);
}

int main(int count, char **words) {
  if (count < 4)
    return 98;
  be_ordinary();
  unsigned number = (unsigned)strtoul(words[2], 0, 10);
  random_state = mixed(strtoull(words[1], 0, 10) * 1000003 + number);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  int signo = some_signal();
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, signo);
  /* A file has a whole buffer, a terminal a line: both ends write to a pipe. */
  printf("number %u\n", number);
  if (chance(70))
    fflush(stdout);
  if (chance(30))
    atexit(at_exit_two);
  if (chance(10))
    atexit(at_exit_ends);
  if (chance(20))
    at_quick_exit(at_quick_exit_note);
  /* Each signal once; then whatever comes. */
  unsigned kind = number < 64 ? 0 : below(18);
  switch (kind) {
  case 0:
    if (number >= 1 && number <= 31)
      signo = (int)number;
    if (!stops(signo))
      raise(signo);
    return 3;
  case 1: exit(between(-3, 300));
  case 2: _exit(between(-3, 300));
  case 3: return between(0, 255);
  case 4: quick_exit(between(0, 255));
  case 5: abort();
  case 6:
    handle(SIGABRT, note, 0);
    abort();
  case 7:
    signal(SIGABRT, SIG_IGN);
    abort();
  case 8:
    sigaddset(&set, SIGABRT);
    sigprocmask(SIG_BLOCK, &set, 0);
    abort();
  case 9:
    sigprocmask(SIG_BLOCK, &set, &old);
    sigqueue(getpid(), signo, (union sigval){.sival_int = 5});
    note(0);
    sigprocmask(SIG_SETMASK, &old, 0);
    return 4;
  case 10:
    handle(signo, note, (int)SA_RESETHAND);
    raise(signo);
    raise(signo);
    return 5;
  case 11:
    handle(signo, note_and_again, 0);
    raise(signo);
    return 6;
  case 12:
    handle(signo, exit_in_handler, 0);
    raise(signo);
    return 7;
  case 13: {
    int ends[2];
    if (pipe(ends))
      return 8;
    close(ends[0]);
    if (chance(50))
      handle(SIGPIPE, chance(50) ? note : SIG_IGN, 0);
    long written = write(ends[1], "x", 1);
    printf("written %ld %s\n", written, written < 0 ? error_name(errno) : "");
    return 9;
  }
  case 14: {
    struct itimerval timer = {{0, 0}, {0, 1000}};
    setitimer(ITIMER_REAL, &timer, 0);
    for (;;)
      pause();
  }
  case 15: {
    struct itimerval timer = {{0, 0}, {0, 5000}};
    setitimer(PICK(((int[]){ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF})), &timer, 0);
    for (volatile unsigned long sum = 0;;)
      sum = sum + 1;
  }
  case 16:
    fclose(stdout);
    if (chance(50))
      raise(signo);
    return 10;
  case 17:
    setpgid(0, 0);
    kill(0, signo);
    return 11;
  }
  return 12;
}
