/* Where handlers run, and what they interrupt. Alarms come again and again until
 * they are turned off, so that none is missed between a look and a wait. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, last, code;
static sigjmp_buf back;

static void every(long milliseconds) {
  struct itimerval timer = {{0, milliseconds * 1000}, {0, milliseconds * 1000}};
  setitimer(ITIMER_REAL, &timer, 0);
}

static void note(int signal) {
  count = count + 1;
  last = signal;
}
static void inform(int signal, siginfo_t *info, void *context) {
  (void)context;
  note(signal);
  code = info->si_code;
}
static void jump(int signal) {
  every(0);
  siglongjmp(back, signal);
}
static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  sigaction(signal, &action, 0);
}

static void show(const char *what, long result) {
  int error = errno;
  every(0);
  printf("%s: %ld %s, handlers %d, last %d\n", what, result, result < 0 ? strerror(error) : "ok", count > 0, (int)last);
  count = last = 0;
}

__attribute__((noinline)) static void wait_for_handler(void) {
  volatile long sum = 0;
  while (!count)
    sum = sum + 1;
}

__attribute__((noinline)) static void work_for_ever(void) {
  for (;;) {
    volatile double x = 1;
    for (int i = 0; i < 1000; i++)
      x *= 1.0001;
  }
}

int main(void) {
  char byte;
  int ends[2];
  if (pipe(ends))
    return 1;
  struct timespec long_time = {100, 0}, short_time = {0, 80000000}, left;
  struct pollfd ready = {ends[0], POLLIN, 0};

  handle(SIGALRM, note, 0);
  every(20); show("pause", pause());
  every(20); show("sleep", nanosleep(&long_time, &left)); printf("left %d\n", left.tv_sec > 50 && left.tv_sec < 100);
  every(20); show("poll", poll(&ready, 1, 100000));
  every(20); show("poll for ever", poll(&ready, 1, -1));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  every(20); show("select", select(ends[0] + 1, &set, 0, 0, 0));
  every(20); show("read", read(ends[0], &byte, 1));
  every(20); wait_for_handler(); show("loop", 0);
  alarm(1); show("sleep", sleep(100) > 50);
  alarm(100); show("alarm", alarm(0) > 50);

  handle(SIGALRM, note, SA_RESTART);
  every(20); show("pause", pause());
  every(20); show("poll", poll(&ready, 1, 100000));

  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = inform;
  sigaction(SIGALRM, &action, 0);
  sigaction(SIGUSR1, &action, 0);
  every(20); pause(); show("of the alarm", code == SI_KERNEL);
  kill(getpid(), SIGUSR1); show("kill", code == SI_USER);
  raise(SIGUSR1); show("raise", code == SI_TKILL);
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}); show("sigqueue", code == SI_QUEUE);

  sigset_t alarms, none, pending;
  sigemptyset(&none);
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  handle(SIGALRM, note, 0);
  sigprocmask(SIG_BLOCK, &alarms, 0);
  every(20); show("sleep while blocked", nanosleep(&short_time, 0));
  sigpending(&pending); show("pending", sigismember(&pending, SIGALRM));
  sigprocmask(SIG_UNBLOCK, &alarms, 0); show("unblocked", 0);
  sigprocmask(SIG_BLOCK, &alarms, 0);
  every(20); show("sigsuspend", sigsuspend(&none));
  every(20); show("pselect", pselect(0, 0, 0, 0, &long_time, &none));
  int taken = 0;
  every(20); show("sigwait", sigwait(&alarms, &taken)); printf("taken %d\n", taken);
  sigtimedwait(&alarms, 0, &(struct timespec){0, 0});
  show("sigtimedwait", sigtimedwait(&alarms, 0, &short_time));
  every(20); show("sigtimedwait", sigtimedwait(&alarms, 0, &long_time));
  every(20); show("poll while blocked", poll(&ready, 1, 80));
  sigtimedwait(&alarms, 0, &(struct timespec){0, 0});
  sigprocmask(SIG_UNBLOCK, &alarms, 0);

  signal(SIGALRM, SIG_IGN);
  every(20); show("poll while ignored", poll(&ready, 1, 80));
  every(20); show("sleep while ignored", nanosleep(&short_time, 0));

  handle(SIGALRM, jump, 0);
  for (volatile int i = 0; i < 9; i++) {
    int how = sigsetjmp(back, 1);
    if (how) {
      printf("jumped %d\n", how);
      continue;
    }
    every(20);
    if (i < 3)
      work_for_ever();
    else if (i < 6)
      pause();
    else
      (void)!read(ends[0], &byte, 1);
  }

  handle(SIGUSR1, note, SA_RESETHAND);
  raise(SIGUSR1); show("once", 0);
  fflush(stdout);
  alarm(1);
  handle(SIGALRM, SIG_DFL, 0);
  for (;;)
    pause();
}
