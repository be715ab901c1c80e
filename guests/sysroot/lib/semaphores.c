/* Semaphores of a program with one thread: nobody else can post, so a wait
 * that has to block sleeps, until its time is over or a signal interrupts it,
 * exactly as a wait for ever does on other systems. */
#include "signals.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef SEM_VALUE_MAX
#define SEM_VALUE_MAX 0x7fffffff
#endif

struct named {
  struct named *next;
  sem_t sem;
  unsigned users;
  int linked;
  char name[];
};
static struct named *all_named;

int sem_init(sem_t *sem, int shared, unsigned value) {
  (void)shared;
  if (value > SEM_VALUE_MAX) {
    errno = EINVAL;
    return -1;
  }
  memset(sem, 0, sizeof *sem);
  sem->__val[0] = (int)value;
  return 0;
}

int sem_destroy(sem_t *sem) {
  (void)sem;
  return 0;
}

int sem_post(sem_t *sem) {
  if (sem->__val[0] == SEM_VALUE_MAX) {
    errno = EOVERFLOW;
    return -1;
  }
  sem->__val[0]++;
  return 0;
}

int sem_trywait(sem_t *sem) {
  if (sem->__val[0] <= 0) {
    errno = EAGAIN;
    return -1;
  }
  sem->__val[0]--;
  return 0;
}

static int wait_until(sem_t *sem, clockid_t clock, const struct timespec *until) {
  struct interruptible wait = bellglass_before_wait();
  while (sem_trywait(sem)) {
    struct timespec day = {86400, 0};
    int error = until ? clock_nanosleep(clock, TIMER_ABSTIME, until, 0)
                      : clock_nanosleep(CLOCK_MONOTONIC, 0, &day, 0);
    if (error == EINTR && bellglass_restarts(&wait))
      continue;
    if (error || until) {
      errno = error ? error : ETIMEDOUT;
      return -1;
    }
  }
  return 0;
}

int sem_wait(sem_t *sem) { return wait_until(sem, CLOCK_MONOTONIC, 0); }

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until) {
  return wait_until(sem, CLOCK_REALTIME, until);
}

int sem_clockwait(sem_t *restrict sem, clockid_t clock,
                  const struct timespec *restrict until) {
  return wait_until(sem, clock, until);
}

int sem_getvalue(sem_t *restrict sem, int *restrict value) {
  *value = sem->__val[0];
  return 0;
}

static struct named *find(const char *name) {
  struct named *n = all_named;
  while (n && !(n->linked && !strcmp(n->name, name)))
    n = n->next;
  return n;
}

sem_t *sem_open(const char *name, int flags, ...) {
  struct named *n = find(name);
  if (n && (flags & O_CREAT) && (flags & O_EXCL)) {
    errno = EEXIST;
    return SEM_FAILED;
  }
  if (!n) {
    va_list args;
    unsigned value;
    if (!(flags & O_CREAT)) {
      errno = ENOENT;
      return SEM_FAILED;
    }
    va_start(args, flags);
    (void)va_arg(args, unsigned); /* the mode: there is nobody else */
    value = va_arg(args, unsigned);
    va_end(args);
    n = malloc(sizeof *n + strlen(name) + 1);
    if (!n)
      return SEM_FAILED;
    if (sem_init(&n->sem, 0, value)) {
      free(n);
      return SEM_FAILED;
    }
    strcpy(n->name, name);
    n->users = 0;
    n->linked = 1;
    n->next = all_named;
    all_named = n;
  }
  n->users++;
  return &n->sem;
}

static void collect(struct named *n) {
  if (n->users || n->linked)
    return;
  struct named **at = &all_named;
  while (*at != n)
    at = &(*at)->next;
  *at = n->next;
  free(n);
}

int sem_close(sem_t *sem) {
  for (struct named *n = all_named; n; n = n->next)
    if (&n->sem == sem) {
      n->users--;
      collect(n);
      return 0;
    }
  errno = EINVAL;
  return -1;
}

int sem_unlink(const char *name) {
  struct named *n = find(name);
  if (!n) {
    errno = ENOENT;
    return -1;
  }
  n->linked = 0;
  collect(n);
  return 0;
}
