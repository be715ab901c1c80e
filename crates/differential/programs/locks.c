/* Locks on files: flock, those of the process, those of an open file, within one process. */
#include "common.h"
#include "tree.h"
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>

#define SLOTS 8
static int slots[SLOTS];

static void note(int signal) { (void)signal; }

/* A clock that interrupts what waits, again and again: a single alarm could come before the
 * wait begins. */
static void interrupt(int wanted) {
  struct itimerval every = {{0, wanted ? 3000 : 0}, {0, wanted ? 3000 : 0}};
  setitimer(ITIMER_REAL, &every, 0);
}

/* Mostly one that is open. */
static int slot(void) {
  int which = (int)below(SLOTS);
  for (int tries = 0; tries < 3 && slots[which] < 0; tries++)
    which = (int)below(SLOTS);
  return which;
}

static void do_open(void) {
  static const char *const names[] = {"one", "two", "three"};
  static const int access[] = {O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_PATH};
  int which = slot(), flags = PICK(access);
  const char *name = PICK(names);
  say("open %s %x to slot %d", name, (unsigned)flags, which);
  if (slots[which] >= 0)
    close(slots[which]);
  slots[which] = open(name, flags | (flags == O_PATH ? 0 : O_CREAT), 0644);
  told(slots[which]);
}

static void do_flock(void) {
  static const int operations[] = {LOCK_SH, LOCK_EX, LOCK_UN, LOCK_SH, LOCK_EX, 0, LOCK_SH | LOCK_EX};
  int which = slot(), operation = PICK(operations), waits = chance(15);
  say("flock slot %d %d%s", which, operation, waits ? " waits" : "");
  interrupt(waits);
  told(flock(slots[which], operation | (waits ? 0 : LOCK_NB)));
  interrupt(0);
}

static struct flock range(void) {
  static const short kinds[] = {F_RDLCK, F_WRLCK, F_WRLCK, F_UNLCK, F_RDLCK, F_UNLCK, 9};
  static const short whences[] = {SEEK_SET, SEEK_SET, SEEK_SET, SEEK_CUR, SEEK_END, 8};
  struct flock lock = {.l_type = PICK(kinds)};
  lock.l_whence = PICK(whences);
  lock.l_start = between(-5, 40);
  lock.l_len = between(-10, 30);
  if (chance(20))
    lock.l_len = 0;
  if (chance(5))
    lock.l_start = INT64_MAX - 3;
  say(" type %d whence %d start %lld length %lld", lock.l_type, lock.l_whence, (long long)lock.l_start, (long long)lock.l_len);
  return lock;
}

static void do_record(void) {
  static const struct {
    int command;
    const char *name;
  } commands[] = {{F_SETLK, "F_SETLK"}, {F_SETLK, "F_SETLK"}, {F_GETLK, "F_GETLK"}, {F_SETLKW, "F_SETLKW"},
                  {F_OFD_SETLK, "F_OFD_SETLK"}, {F_OFD_SETLK, "F_OFD_SETLK"}, {F_OFD_GETLK, "F_OFD_GETLK"},
                  {F_OFD_SETLKW, "F_OFD_SETLKW"}};
  int which = slot();
  unsigned kind = below(COUNT(commands));
  int command = commands[kind].command;
  say("%s slot %d", commands[kind].name, which);
  struct flock lock = range();
  if (chance(4))
    lock.l_pid = 77;
  interrupt(command == F_SETLKW || command == F_OFD_SETLKW);
  int result = told(fcntl(slots[which], command, &lock));
  interrupt(0);
  if (result == 0 && (command == F_GETLK || command == F_OFD_GETLK)) {
    say(" type %d", lock.l_type);
    if (lock.l_type != F_UNLCK)
      say(" whence %d start %lld length %lld of %s", lock.l_whence, (long long)lock.l_start, (long long)lock.l_len,
          lock.l_pid == getpid() ? "itself" : lock.l_pid == -1 ? "an open file" : "another");
  }
}

static void do_lockf(void) {
  int which = slot(), command = PICK(((int[]){F_LOCK, F_TLOCK, F_TLOCK, F_ULOCK, F_TEST, 9}));
  long long length = between(-5, 20);
  say("lockf slot %d %d %lld", which, command, length);
  interrupt(command == F_LOCK);
  told(lockf(slots[which], command, length));
  interrupt(0);
}

static void do_rest(void) {
  int which = slot(), other = slot();
  switch (below(4)) {
  case 0:
    say("close slot %d", which);
    told(close(slots[which]));
    slots[which] = -1;
    break;
  case 1:
    say("dup slot %d to slot %d", which, other);
    if (slots[other] >= 0)
      close(slots[other]);
    slots[other] = dup(slots[which]);
    say(" = %s", slots[other] < 0 ? error_name(errno) : "ok");
    break;
  case 2:
    say("seek slot %d", which);
    tell((long)lseek(slots[which], between(0, 30), SEEK_SET));
    break;
  case 3:
    say("size slot %d", which);
    told(ftruncate(slots[which], between(0, 40)));
    break;
  }
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 25)
    do_open();
  else if (kind < 45)
    do_flock();
  else if (kind < 80)
    do_record();
  else if (kind < 87)
    do_lockf();
  else
    do_rest();
}

static void begin(void) {
  begin_tree();
  for (int at = 0; at < SLOTS; at++)
    slots[at] = -1;
  slots[0] = open("one", O_CREAT | O_RDWR, 0644);
  slots[1] = open("one", O_RDWR);
  slots[2] = open("two", O_CREAT | O_RDWR, 0644);
}

static void end(void) {
  for (int at = 0; at < SLOTS; at++)
    if (slots[at] >= 0)
      close(slots[at]);
  end_tree();
}

int main(int count, char **words) {
  static const Program program = {60, begin, operate, end};
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGALRM, &action, 0);
  has_attributes = 0;
  return run(&program, count, words);
}
