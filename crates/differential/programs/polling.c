/* What is ready: poll, select and epoll over pipes, sockets, counters, timers, files and one
 * another. */
#include "common.h"
#include "tree.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define SLOTS 14
static struct {
  int fd;
  enum { NOTHING, PIPE, SOCKET, COUNTER, TIMER, SIGNALS, PLAIN, SET } kind;
} slots[SLOTS];
static unsigned ready_data; /* what tells the entries of one epoll apart */

/* Mostly one that is open. */
static int slot(void) {
  int which = (int)below(SLOTS);
  for (int tries = 0; tries < 3 && slots[which].fd < 0; tries++)
    which = (int)below(SLOTS);
  return which;
}

static int slot_of(int kind) {
  int first = slot();
  for (int at = 0; at < SLOTS; at++) {
    int which = (first + at) % SLOTS;
    if (slots[which].fd >= 0 && (int)slots[which].kind == kind)
      return which;
  }
  return first;
}

static void empty(int which) {
  if (slots[which].fd >= 0)
    close(slots[which].fd);
  slots[which].fd = -1;
  slots[which].kind = NOTHING;
}

static void keep(int which, int fd, int kind) {
  empty(which);
  slots[which].fd = fd;
  slots[which].kind = fd < 0 ? NOTHING : kind;
}

static void do_make(void) {
  int one = slot(), other = (one + 1 + (int)below(SLOTS - 1)) % SLOTS, ends[2] = {-1, -1};
  switch (below(9)) {
  case 0: case 1:
    say("pipe %d %d", one, other);
    told(pipe2(ends, O_NONBLOCK));
    keep(one, ends[0], PIPE);
    keep(other, ends[1], PIPE);
    break;
  case 2: case 3: {
    int type = PICK(((int[]){SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}));
    say("socketpair %d %d type %d", one, other, type);
    told(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends));
    keep(one, ends[0], SOCKET);
    keep(other, ends[1], SOCKET);
    break;
  }
  case 4: {
    int flags = chance(50) ? EFD_SEMAPHORE : 0;
    unsigned value = below(3);
    say("eventfd %d from %u%s", one, value, flags ? " semaphore" : "");
    keep(one, eventfd(value, flags | EFD_NONBLOCK), COUNTER);
    break;
  }
  case 5: {
    int clock = PICK(((int[]){CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, 77}));
    say("timerfd %d clock %d", one, clock);
    int fd = timerfd_create(clock, TFD_NONBLOCK);
    told(fd);
    keep(one, fd, TIMER);
    break;
  }
  case 6:
    say("file %d", one);
    keep(one, open(PICK(((const char *[]){"file", "."})), O_RDONLY), PLAIN);
    break;
  case 7: {
    say("epoll %d", one);
    int fd = epoll_create1(chance(50) ? EPOLL_CLOEXEC : 0);
    told(fd);
    keep(one, fd, SET);
    break;
  }
  case 8: {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (chance(50))
      sigaddset(&set, SIGRTMIN);
    say("signalfd %d", one);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    told(fd);
    keep(one, fd, SIGNALS);
    break;
  }
  }
}

static void do_change(void) {
  static char bytes[16 * 4096];
  int which = slot();
  if (chance(12)) {
    say("close %d", which);
    empty(which);
    return;
  }
  switch (slots[which].kind) {
  case PIPE:
    if (chance(50)) {
      /* Whole pages, so that it is full where it is said to be: see descriptors.c. */
      unsigned pages = chance(80) ? 1 : 16;
      say("write %d %u pages", which, pages);
      tell(write(slots[which].fd, bytes, pages * 4096));
    } else {
      say("read %d", which);
      tell(read(slots[which].fd, bytes, 4096));
    }
    break;
  case SOCKET:
    if (chance(45)) {
      say("send %d", which);
      tell(send(slots[which].fd, bytes, below(50), MSG_NOSIGNAL));
    } else if (chance(80)) {
      say("receive %d", which);
      tell(recv(slots[which].fd, bytes, 100, 0));
    } else {
      int how = (int)below(3);
      say("shutdown %d %d", which, how);
      told(shutdown(slots[which].fd, how));
    }
    break;
  case COUNTER: {
    uint64_t value = PICK(((uint64_t[]){1, 0, 2, UINT64_MAX - 1}));
    if (chance(50)) {
      say("add %d %llu", which, (unsigned long long)value);
      tell(write(slots[which].fd, &value, 8));
    } else {
      say("take %d", which);
      value = 0;
      tell(read(slots[which].fd, &value, 8));
      say(" %llu", (unsigned long long)value);
    }
    break;
  }
  case TIMER: {
    struct itimerspec timer = {{0, 0}, {0, 0}}, old;
    if (chance(50)) {
      int expires = chance(60), absolute = chance(30);
      if (expires) {
        timer.it_value.tv_nsec = 1;
      } else {
        timer.it_value.tv_sec = PICK(((int[]){0, 5000, 4000000}));
        timer.it_value.tv_nsec = PICK(((long[]){0, 0, -1, 1000000000}));
        /* A moment that has passed would have it expired at one time and not at another. */
        absolute = 0;
      }
      timer.it_interval.tv_sec = chance(30) ? 1000 : 0;
      say("arm %d %lld.%ld%s", which, (long long)timer.it_value.tv_sec, (long)timer.it_value.tv_nsec, absolute ? " absolute" : "");
      told(timerfd_settime(slots[which].fd, absolute ? TFD_TIMER_ABSTIME : 0, &timer, &old));
      if (expires) {
        struct pollfd ready = {slots[which].fd, POLLIN, 0};
        poll(&ready, 1, 5000);
      }
    } else if (chance(60)) {
      uint64_t count = 0;
      say("expirations %d", which);
      tell(read(slots[which].fd, &count, 8));
      say(" %llu", (unsigned long long)count);
    } else {
      say("left of %d", which);
      if (told(timerfd_gettime(slots[which].fd, &timer)) == 0)
        /* How much is left differs from run to run, that it is about so much does not. */
        say(" %s every %lld", timer.it_value.tv_sec > 100 ? "long" : timer.it_value.tv_sec || timer.it_value.tv_nsec ? "short" : "none",
            (long long)timer.it_interval.tv_sec);
    }
    break;
  }
  case SIGNALS: {
    struct signalfd_siginfo info;
    int number = chance(50) ? SIGUSR1 : SIGRTMIN;
    if (chance(50)) {
      say("raise %d", number);
      told(raise(number));
    } else {
      say("signals %d", which);
      long count = tell(read(slots[which].fd, &info, sizeof info));
      if (count > 0)
        say(" %u code %d", info.ssi_signo, info.ssi_code);
    }
    break;
  }
  case PLAIN: case SET: case NOTHING:
    say("read %d", which);
    tell(read(slots[which].fd, bytes, 10));
    break;
  }
}

static void say_events(unsigned events) {
  static const struct {
    unsigned bit;
    const char *name;
  } all[] = {{POLLIN, "in"}, {POLLPRI, "pri"}, {POLLOUT, "out"}, {POLLERR, "err"}, {POLLHUP, "hup"}, {POLLNVAL, "nval"},
             {POLLRDNORM, "rdnorm"}, {POLLRDBAND, "rdband"}, {POLLWRNORM, "wrnorm"}, {POLLWRBAND, "wrband"},
             {POLLMSG, "msg"}, {POLLRDHUP, "rdhup"}};
  for (unsigned at = 0; at < COUNT(all); at++)
    if (events & all[at].bit) {
      say(" %s", all[at].name);
      events &= ~all[at].bit;
    }
  if (events)
    say(" %x", events);
}

static short some_events(void) {
  static const short all[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLRDHUP, POLLPRI, 0, POLLRDNORM | POLLWRNORM, POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
  return PICK(all);
}

static void do_poll(void) {
  struct pollfd list[6];
  nfds_t count = below(7);
  int timeout = PICK(((int[]){0, 0, 0, 1}));
  say("poll %u", (unsigned)count);
  for (nfds_t at = 0; at < count; at++) {
    int which = slot();
    list[at] = (struct pollfd){slots[which].fd, some_events(), (short)0x7777};
    say(" %d:%x", which, (unsigned)list[at].events);
    if (chance(3))
      list[at].fd = 5000;
  }
  if (chance(50)) {
    tell(poll(list, count, timeout));
  } else {
    struct timespec time_ = {0, chance(3) ? -1 : timeout * 1000000};
    tell(ppoll(list, count, &time_, 0));
  }
  for (nfds_t at = 0; at < count; at++) {
    say(",");
    say_events((unsigned short)list[at].revents);
  }
}

static void do_select(void) {
  fd_set sets[3];
  int most = 0;
  struct timeval time_ = {0, PICK(((int[]){0, 0, 1000}))};
  say("select");
  for (int set = 0; set < 3; set++) {
    FD_ZERO(&sets[set]);
    for (unsigned at = below(5); at > 0; at--) {
      int which = slot(), fd = slots[which].fd;
      if (fd < 0 && chance(90))
        continue;
      if (fd < 0)
        fd = 90; /* not open */
      FD_SET(fd, &sets[set]);
      most = fd > most ? fd : most;
      say(" %d", which);
    }
    say(";");
  }
  int end = chance(3) ? -1 : most + 1;
  int count = select(end, &sets[0], &sets[1], chance(80) ? &sets[2] : 0, &time_);
  tell(count);
  if (count >= 0)
    for (int set = 0; set < 3; set++) {
      say(";");
      for (int which = 0; which < SLOTS; which++)
        if (slots[which].fd >= 0 && FD_ISSET(slots[which].fd, &sets[set]))
          say(" %d", which);
    }
}

static void do_control(void) {
  static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, 9};
  int set = slot_of(SET), which = slot(), operation = PICK(operations);
  struct epoll_event event = {.events = (unsigned)some_events()};
  if (chance(30))
    event.events |= EPOLLET;
  if (chance(20))
    event.events |= EPOLLONESHOT;
  if (chance(5))
    event.events |= EPOLLEXCLUSIVE;
  /* The slot, and a count: it may have been put there again after a close. */
  event.data.u64 = (uint64_t)which | ((uint64_t)ready_data++ << 32);
  say("control %d: %d slot %d events %x", set, operation, which, event.events);
  told(epoll_ctl(slots[set].fd, operation, slots[which].fd, &event));
}

static int by_data(const void *one, const void *other) {
  uint64_t a = ((const struct epoll_event *)one)->data.u64, b = ((const struct epoll_event *)other)->data.u64;
  return a < b ? -1 : a > b;
}

static void do_wait(void) {
  struct epoll_event list[SLOTS * 2];
  int set = slot_of(SET), most = chance(97) ? (int)COUNT(list) : PICK(((int[]){0, -1}));
  int timeout = PICK(((int[]){0, 0, 0, 1}));
  say("wait %d", set);
  memset(list, 0, sizeof list);
  int count = epoll_wait(slots[set].fd, list, most, timeout);
  tell(count);
  /* Sorted: nothing is said of the order in which they are told. */
  if (count > 0)
    qsort(list, (size_t)count, sizeof *list, by_data);
  for (int at = 0; at < count; at++) {
    say(", %u/%u", (unsigned)(list[at].data.u64 & 0xffffffff), (unsigned)(list[at].data.u64 >> 32));
    say_events(list[at].events);
  }
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 18)
    do_make();
  else if (kind < 45)
    do_change();
  else if (kind < 60)
    do_poll();
  else if (kind < 70)
    do_select();
  else if (kind < 85)
    do_control();
  else
    do_wait();
}

static void begin(void) {
  begin_tree();
  close(open("file", O_CREAT | O_WRONLY, 0644));
  ready_data = 0;
  for (int at = 0; at < SLOTS; at++) {
    slots[at].fd = -1;
    slots[at].kind = NOTHING;
  }
  /* Something to work on. */
  int ends[2];
  if (pipe2(ends, O_NONBLOCK))
    fail("begin");
  keep(0, ends[0], PIPE);
  keep(1, ends[1], PIPE);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
    fail("begin");
  keep(2, ends[0], SOCKET);
  keep(3, ends[1], SOCKET);
  keep(4, epoll_create1(0), SET);
}

static void end(void) {
  struct timespec none = {0, 0};
  sigset_t set;
  for (int at = 0; at < SLOTS; at++)
    empty(at);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  while (sigtimedwait(&set, 0, &none) > 0)
    ;
  end_tree();
}

int main(int count, char **words) {
  static const Program program = {90, begin, operate, end};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  signal(SIGPIPE, SIG_IGN);
  has_attributes = 0;
  return run(&program, count, words);
}
