/* Which calls begin again after a handler, and handlers inside of handlers. The
 * input comes in two lines, one after the other, once the file that is named is there. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static int pair[2];

static void every(long milliseconds) {
  struct itimerval timer = {{0, milliseconds * 1000}, {0, milliseconds * 1000}};
  setitimer(ITIMER_REAL, &timer, 0);
}
static void note(int signal) {
  (void)signal;
  count = count + 1;
  errno = ERANGE;
}
static void feed(int signal) {
  note(signal);
  (void)!write(pair[1], "x", 1);
}
static void inner(int signal) {
  (void)signal;
  count = count + 3;
}
static void outer(int signal) {
  (void)signal;
  count = count + 1;
  raise(SIGUSR2);
  count = count * 10;
}
static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  sigaction(signal, &action, 0);
}
/* The timer may have fed more than was taken. */
static void empty(void) {
  char bytes[100];
  while (recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;
}
static void show(const char *what, long result) {
  int error = errno;
  every(0);
  printf("%s: %ld%s, handlers %d\n", what, result, result < 0 && error == EINTR ? " EINTR" : "", count > 0);
  count = 0;
}

int main(int argc, char **argv) {
  char bytes[100] = "";
  handle(SIGALRM, note, 0);
  every(20); show("read", read(0, bytes, sizeof bytes));
  handle(SIGALRM, note, SA_RESTART);
  FILE *ready = fopen(argc > 1 ? argv[1] : "ready", "w");
  if (!ready || fclose(ready))
    return 2;
  every(20); show("read again", read(0, bytes, sizeof bytes));
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
    return 1;
  handle(SIGALRM, feed, SA_RESTART);
  every(20); show("recv", recv(pair[0], bytes, 1, 0));
  empty();
  every(20); show("recvfrom", recvfrom(pair[0], bytes, 1, 0, 0, 0));
  empty();
  handle(SIGALRM, note, 0);
  every(20); show("recv", recv(pair[0], bytes, 1, 0));
  signal(SIGALRM, note);
  siginterrupt(SIGALRM, 1);
  every(20); show("siginterrupt", read(pair[0], bytes, 1));

  struct sigaction action = {.sa_flags = 0};
  action.sa_handler = outer;
  signal(SIGUSR2, inner);
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  printf("at once %d\n", (int)count);
  count = 0;
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  printf("afterwards %d\n", (int)count);
  printf("%d\n", signal(SIGKILL, note) == SIG_ERR && errno == EINVAL);
  fflush(stdout);
  raise(SIGTERM);
  return 5;
}
