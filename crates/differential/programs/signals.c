/* Signals: dispositions, masks, queues, handlers within handlers and jumps out of them, and
 * calls that they interrupt. */
#include "common.h"
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* Those that the sequences use. One whose default would end the program has its default only
 * while nothing sends it: what the defaults do is in endings.c. */
static const int numbers[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGURG, SIGWINCH, SIGTERM, SIGALRM, SIGPIPE, SIGCONT, 0, 0, 0, 0};
static int numbers_[COUNT(numbers)];
#define HARMLESS(number) ((number) == SIGCHLD || (number) == SIGURG || (number) == SIGWINCH || (number) == SIGCONT)

static int ends[2];        /* a pipe in which nothing is */
static int depth;          /* of handlers */
static int budget;         /* handlers that may still send something */
static sigjmp_buf places[4];
static int places_count;   /* of them, those that may be jumped to */
static char second_stack[1 << 16];

static int some_signal(void) { return PICK(numbers_); }

/* By name, as the real-time ones begin where the library says. */
static void say_signal(int number) {
  if (number >= SIGRTMIN)
    say("rt%d", number - SIGRTMIN);
  else
    say("%d", number);
}

static sigset_t some_set(void) {
  sigset_t set;
  sigemptyset(&set);
  for (unsigned count = below(5); count > 0; count--)
    sigaddset(&set, some_signal());
  return set;
}

static void say_set(const char *name, const sigset_t *set) {
  say(" %s{", name);
  for (int number = 1; number <= 64; number++)
    /* The library keeps some real-time signals to itself. */
    if ((number < 32 || number >= SIGRTMIN) && sigismember(set, number) == 1) {
      say(" ");
      say_signal(number);
    }
  say(" }");
}

static void say_mask(void) {
  sigset_t set;
  sigprocmask(SIG_BLOCK, 0, &set);
  say_set("mask", &set);
}

static int is_handled(int number) {
  struct sigaction action;
  sigaction(number, 0, &action);
  /* After SA_RESETHAND the flags stay, SA_SIGINFO too. */
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

/* Whether sending it leaves the program alive. */
static int is_safe(int number) {
  struct sigaction action;
  sigaction(number, 0, &action);
  return HARMLESS(number) || action.sa_handler != SIG_DFL;
}

static void send_something(void) {
  int number = some_signal(), value = between(-5, 1000);
  if (!is_safe(number))
    return;
  switch (below(4)) {
  case 0:
    say(" raise ");
    say_signal(number);
    told(raise(number));
    break;
  case 1:
    say(" kill ");
    say_signal(number);
    told(kill(chance(90) ? getpid() : 0, number));
    break;
  default:
    say(" queue ");
    say_signal(number);
    say(" %d", value);
    told(sigqueue(getpid(), number, (union sigval){.sival_int = value}));
    break;
  }
}

/* Which way a handler goes is drawn from what it got and how many ran before. */
static unsigned handled;

static void react(int number) {
  uint64_t kept = random_state;
  random_state = mixed(sequence_seed + handled++ * 77 + (unsigned)number);
  if (depth <= 4 && budget > 0 && chance(40)) {
    budget--;
    send_something();
  }
  if (chance(15))
    say_mask();
  if (chance(10)) {
    sigset_t set = some_set();
    /* The mask of what was interrupted comes back at the end. */
    sigprocmask(chance(50) ? SIG_UNBLOCK : SIG_BLOCK, &set, 0);
    say(" changed");
  }
  int jumps = places_count > 0 && chance(12);
  random_state = kept;
  if (jumps) {
    say(" jump)");
    depth = 0;
    siglongjmp(places[places_count - 1], number);
  }
}

static void plainly(int number) {
  int error = errno;
  depth++;
  say(" (");
  say_signal(number);
  react(number);
  say(")");
  depth--;
  errno = error;
}

static void informed(int number, siginfo_t *info, void *context) {
  int error = errno;
  depth++;
  say(" (");
  say_signal(number);
  say(" code %d", info->si_code);
  if (info->si_code == SI_QUEUE)
    say(" value %d", info->si_value.sival_int);
  if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
    say(" from %s", info->si_pid == getpid() && info->si_uid == getuid() ? "itself" : "another");
  if (info->si_signo != number)
    say(" as %d", info->si_signo);
  say_set("interrupted", &((ucontext_t *)context)->uc_sigmask);
  react(number);
  say(")");
  depth--;
  errno = error;
}

/* --- dispositions and masks */

static void do_disposition(void) {
  static const struct {
    int flag;
    const char *name;
  } flags[] = {{SA_RESTART, "restart"}, {SA_NODEFER, "nodefer"}, {(int)SA_RESETHAND, "reset"}, {SA_ONSTACK, "onstack"}, {SA_NOCLDSTOP, "nocldstop"}};
  int number = chance(95) ? some_signal() : PICK(((int[]){SIGKILL, SIGSTOP, 0, -1, 65, 1000}));
  struct sigaction action = {.sa_mask = some_set()}, old = {.sa_handler = SIG_DFL};
  unsigned kind = below(10);
  say("sigaction ");
  say_signal(number);
  if (kind == 0) {
    action.sa_handler = SIG_IGN;
    say(" ignore");
  } else if (kind == 1) {
    /* A default that ends would be one of the last things. */
    action.sa_handler = HARMLESS(number) ? SIG_DFL : SIG_IGN;
    say(" default");
  } else if (kind < 6) {
    action.sa_sigaction = informed;
    action.sa_flags = SA_SIGINFO;
    say(" informed");
  } else {
    action.sa_handler = plainly;
    say(" plain");
  }
  for (unsigned at = 0; at < COUNT(flags); at++)
    if (chance(25) && (flags[at].flag != (int)SA_RESETHAND || HARMLESS(number))) {
      action.sa_flags |= flags[at].flag;
      say(" %s", flags[at].name);
    }
  say_set("mask", &action.sa_mask);
  if (chance(8)) {
    say(" by signal()");
    void (*before)(int) = signal(number, kind == 0 ? SIG_IGN : plainly);
    say(" = %s", before == SIG_ERR ? error_name(errno) : before == SIG_DFL ? "default" : before == SIG_IGN ? "ignore" : "handler");
    return;
  }
  if (told(sigaction(number, &action, &old)) == 0) {
    say(" was %s flags %x", old.sa_handler == SIG_DFL ? "default" : old.sa_handler == SIG_IGN ? "ignore" : old.sa_flags & SA_SIGINFO ? "informed" : "plain",
        /* The library adds one of its own. */
        (unsigned)old.sa_flags & ~0x04000000u);
    say_set("mask", &old.sa_mask);
  }
}

static void do_mask(void) {
  int how = PICK(((int[]){SIG_BLOCK, SIG_BLOCK, SIG_UNBLOCK, SIG_UNBLOCK, SIG_SETMASK, 7}));
  sigset_t set = some_set(), old;
  sigemptyset(&old);
  say("mask %d", how);
  say_set("by", &set);
  if (told(sigprocmask(how, &set, &old)) == 0)
    say_set("was", &old);
  say_mask();
}

static void do_pending(void) {
  sigset_t set;
  say("pending");
  sigemptyset(&set);
  told(sigpending(&set));
  say_set("", &set);
}

/* --- waiting */

/* A clock that interrupts what waits, again and again; its signal is open meanwhile only. */
static void interrupt(int wanted) {
  struct itimerval every = {{0, wanted ? 2000 : 0}, {0, wanted ? 2000 : 0}};
  setitimer(ITIMER_REAL, &every, 0);
}

static volatile int alarms;
static void count_alarm(int number) {
  (void)number;
  alarms++;
}

static void do_synchronous(void) {
  sigset_t set = some_set();
  siginfo_t info;
  struct timespec time_ = {0, PICK(((long[]){0, 0, 1000, -1, 1000000000}))};
  memset(&info, 0, sizeof info);
  say("sigtimedwait");
  say_set("for", &set);
  int number = sigtimedwait(&set, chance(80) ? &info : 0, &time_);
  if (number > 0) {
    say(" = ");
    say_signal(number);
    say(" code %d", info.si_code);
    if (info.si_code == SI_QUEUE)
      say(" value %d", info.si_value.sival_int);
  } else {
    tell(number);
  }
}

/* Waits for what is pending under a mask that lets it in; only if something is. */
static void do_suspend(void) {
  sigset_t pending, mask = some_set();
  int comes = 0;
  sigpending(&pending);
  say("sigsuspend");
  say_set("with", &mask);
  for (int number = 1; number <= 64; number++)
    if (sigismember(&pending, number) == 1 && sigismember(&mask, number) == 0 && is_handled(number))
      comes = 1;
  /* Something pending that would end the program stays out. */
  for (unsigned at = 0; at < COUNT(numbers); at++)
    if (sigismember(&pending, numbers_[at]) == 1 && !is_safe(numbers_[at]))
      comes = 0;
  if (comes)
    tell(sigsuspend(&mask));
  say_mask();
}

/* A call that waits, and an alarm that comes meanwhile: every kind of call, with and without
 * SA_RESTART, of which some begin again and would wait for ever. */
static void do_interrupted(void) {
  struct sigaction action = {.sa_handler = count_alarm}, old;
  struct timespec time_ = {5, 0}, left = {0, 0};
  struct pollfd ready = {ends[0], POLLIN, 0};
  sigset_t mask, before, unblocked;
  char byte;
  unsigned kind = below(10);
  /* With SA_RESTART only what ends all the same. */
  int restarts = kind != 0 && kind != 1 && chance(50);
  action.sa_flags = restarts ? SA_RESTART : 0;
  sigfillset(&mask);
  sigprocmask(SIG_BLOCK, &mask, &before);
  sigaction(SIGALRM, &action, &old);
  unblocked = mask;
  sigdelset(&unblocked, SIGALRM);
  alarms = 0;
  say("interrupted %u%s", kind, restarts ? " restart" : "");
  long result;
  if (kind != 7)
    sigprocmask(SIG_SETMASK, &unblocked, 0);
  interrupt(1);
  switch (kind) {
  case 0: result = read(ends[0], &byte, 1); break;
  case 1: {
    static char full[1 << 16];
    int own[2] = {-1, -1};
    interrupt(0);
    told(pipe(own));
    /* The first fills it, the second has to wait. */
    result = write(own[1], full, sizeof full);
    say(" filled %ld", result);
    interrupt(1);
    result = write(own[1], full, 1);
    int error = errno;
    close(own[0]);
    close(own[1]);
    errno = error;
    break;
  }
  case 2: result = poll(&ready, 1, 5000); break;
  case 3: result = ppoll(&ready, 1, &time_, 0); break;
  case 4: {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    result = select(ends[0] + 1, &set, 0, 0, 0);
    break;
  }
  case 5:
    result = nanosleep(&time_, &left);
    say(" left %d", left.tv_sec >= 3 && left.tv_sec <= 4);
    break;
  case 6:
    result = clock_nanosleep(CLOCK_MONOTONIC, 0, &time_, &left);
    say(" left %d", left.tv_sec >= 3 && left.tv_sec <= 4);
    break;
  case 7: result = sigsuspend(&unblocked); break;
  case 8: {
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
    result = epoll_wait(set, &event, 1, -1);
    int error = errno;
    close(set);
    errno = error;
    break;
  }
  default: result = pause(); break;
  }
  int error = errno;
  interrupt(0);
  errno = error;
  tell(result);
  say(" alarms %d", alarms > 0);
  /* One more may be pending: to ignore it takes it away. */
  signal(SIGALRM, SIG_IGN);
  sigaction(SIGALRM, &old, 0);
  sigprocmask(SIG_SETMASK, &before, 0);
}

/* --- jumps, stacks, timers */

static void do_jump(void) {
  volatile int saves = chance(60);
  say("place%s", saves ? " with its mask" : "");
  int from = sigsetjmp(places[0], saves);
  if (from) {
    say(" from ");
    say_signal(from);
    say_mask();
    places_count = 0;
    return;
  }
  places_count = 1;
  for (volatile int count = 0; count < 3; count++)
    send_something();
  places_count = 0;
}

static void do_stack(void) {
  stack_t new = {.ss_sp = second_stack, .ss_size = PICK(((size_t[]){sizeof second_stack, sizeof second_stack, 100}))};
  new.ss_flags = PICK(((int[]){0, 0, SS_DISABLE, 77}));
  stack_t old = {.ss_flags = 99};
  say("sigaltstack size %u flags %d", (unsigned)new.ss_size, new.ss_flags);
  if (told(sigaltstack(&new, &old)) == 0)
    say(" was flags %d size %u", old.ss_flags, (unsigned)(old.ss_flags & SS_DISABLE ? 0 : old.ss_size));
}

static void do_timer(void) {
  static const int clocks[] = {ITIMER_REAL, ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, 9};
  int which = PICK(clocks);
  struct itimerval long_time = {{PICK(((int[]){0, 700})), 0}, {5000, 0}}, old;
  switch (below(4)) {
  case 0:
    say("setitimer %d", which);
    if (told(setitimer(which, &long_time, &old)) == 0)
      say(" was %s", old.it_value.tv_sec > 1000 ? "long" : old.it_value.tv_sec ? "short" : "none");
    break;
  case 1:
    say("getitimer %d", which);
    if (told(getitimer(which, &old)) == 0)
      say(" %s every %lld", old.it_value.tv_sec > 1000 ? "long" : old.it_value.tv_sec ? "short" : "none", (long long)old.it_interval.tv_sec);
    break;
  case 2: {
    unsigned seconds = PICK(((unsigned[]){0, 3000}));
    say("alarm %u = %s", seconds, alarm(seconds) > 1000 ? "long" : "none");
    break;
  }
  case 3: {
    struct itimerval none = {{0, 0}, {0, 0}};
    say("setitimer %d to nothing", which);
    told(setitimer(which, &none, 0));
    break;
  }
  }
}

static void do_odd(void) {
  int number = PICK(((int[]){0, -1, 65, 64, 32, SIGUSR1})), target = PICK(((int[]){getpid(), getpid(), 2000000000, -2000000000}));
  if (number > 0 && number <= 64 && target == getpid())
    number = 0;
  say("kill %s %d", target == getpid() ? "itself" : "nobody", number);
  told(kill(target, number));
  say(" queue");
  told(sigqueue(target, number, (union sigval){.sival_int = 1}));
}

static void operate(void) {
  depth = 0;
  places_count = 0;
  unsigned kind = below(100);
  if (kind < 24)
    do_disposition();
  else if (kind < 40)
    do_mask();
  else if (kind < 66) {
    say("send");
    send_something();
  } else if (kind < 72)
    do_pending();
  else if (kind < 79)
    do_synchronous();
  else if (kind < 84)
    do_suspend();
  else if (kind < 87)
    do_interrupted();
  else if (kind < 93)
    do_jump();
  else if (kind < 95)
    do_stack();
  else if (kind < 98)
    do_timer();
  else
    do_odd();
}

static void begin(void) {
  for (unsigned at = 0; at < COUNT(numbers); at++)
    numbers_[at] = numbers[at] ? numbers[at] : SIGRTMIN + PICK(((int[]){0, 1, 2, 29}));
  budget = 40;
  handled = 0;
  /* None is left with a default that would end it, so that a mask may let in what is pending. */
  for (unsigned at = 0; at < COUNT(numbers); at++)
    signal(numbers_[at], HARMLESS(numbers_[at]) ? SIG_DFL : SIG_IGN);
}

static void end(void) {
  struct itimerval none = {{0, 0}, {0, 0}};
  struct timespec now = {0, 0};
  sigset_t set;
  stack_t disabled = {.ss_flags = SS_DISABLE};
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, 0);
  setitimer(ITIMER_REAL, &none, 0);
  setitimer(ITIMER_VIRTUAL, &none, 0);
  setitimer(ITIMER_PROF, &none, 0);
  say("at the end");
  sigpending(&set);
  say_set("pending", &set);
  /* In the order in which they come. */
  sigfillset(&set);
  siginfo_t info;
  int number;
  while ((number = sigtimedwait(&set, &info, &now)) > 0) {
    say(" ");
    say_signal(number);
    if (info.si_code == SI_QUEUE)
      say("=%d", info.si_value.sival_int);
  }
  for (int signo = 1; signo <= 64; signo++)
    signal(signo, SIG_DFL);
  sigaltstack(&disabled, 0);
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, 0);
}

int main(int count, char **words) {
  static const Program program = {60, begin, operate, end};
  /* A group of its own, for `kill` with 0 sends to all of it. Who leads a session has one. */
  setpgid(0, 0);
  if (pipe(ends))
    return 96;
  return run(&program, count, words);
}
