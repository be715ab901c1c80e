/* select, made of poll. wasi-libc's does not say that a descriptor is closed. */
#include "signals.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>


/* Milliseconds, rounded up; -1 for ever. */
static int milliseconds(const struct timespec *time) {
  if (!time)
    return -1;
  if (time->tv_sec >= INT_MAX / 1000 - 1)
    return INT_MAX;
  return (int)time->tv_sec * 1000 + (int)((time->tv_nsec + 999999) / 1000000);
}

static int is_bad(const struct timespec *time) {
  return time && (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1000000000);
}

static nfds_t add(struct pollfd *list, nfds_t count, const fd_set *set, int limit, short events) {
  for (size_t i = 0; set && i < set->__nfds; i++)
    if (set->__fds[i] < limit)
      list[count++] = (struct pollfd){.fd = set->__fds[i], .events = events};
  return count;
}

static int take(const struct pollfd *list, nfds_t begin, nfds_t end, fd_set *set) {
  if (!set)
    return 0;
  FD_ZERO(set);
  for (nfds_t i = begin; i < end; i++)
    if (list[i].revents)
      FD_SET(list[i].fd, set);
  return (int)set->__nfds;
}

static int wait_for(struct pollfd *list, nfds_t count, const struct timespec *time) {
  if (count || time)
    return poll(list, count, milliseconds(time));
  /* For ever, for nothing but a signal. */
  return pause();
}

int pselect(int limit, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict exceptional,
            const struct timespec *restrict time, const sigset_t *restrict mask) {
  struct pollfd list[2 * FD_SETSIZE];
  if (limit < 0 || limit > FD_SETSIZE || is_bad(time)) {
    errno = EINVAL;
    return -1;
  }
  nfds_t reads = add(list, 0, readable, limit, POLLIN);
  nfds_t all = add(list, reads, writable, limit, POLLOUT);
  /* Nothing exceptional ever happens, but the descriptors must be open. */
  for (size_t i = 0; exceptional && i < exceptional->__nfds; i++)
    if (exceptional->__fds[i] < limit && fcntl(exceptional->__fds[i], F_GETFD) < 0)
      return -1;
  sigset_t before;
  unsigned handlers = bellglass_handlers_run;
  if (mask)
    sigprocmask(SIG_SETMASK, mask, &before);
  /* One that had waited for this mask has run already. */
  int ready = -1, error = EINTR;
  if (handlers == bellglass_handlers_run) {
    if (mask)
      bellglass_open_wait();
    ready = wait_for(list, all, time);
    error = errno;
  }
  if (mask)
    sigprocmask(SIG_SETMASK, &before, 0);
  errno = error;
  if (ready < 0)
    return -1;
  for (nfds_t i = 0; i < all; i++)
    if (list[i].revents & POLLNVAL) {
      errno = EBADF;
      return -1;
    }
  int count = take(list, 0, reads, readable) + take(list, reads, all, writable);
  if (exceptional)
    FD_ZERO(exceptional);
  return count;
}

int select(int limit, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict exceptional,
           struct timeval *restrict time) {
  if (!time)
    return pselect(limit, readable, writable, exceptional, 0, 0);
  if (time->tv_usec < 0 || time->tv_usec >= 1000000) {
    errno = EINVAL;
    return -1;
  }
  struct timespec exact = {.tv_sec = time->tv_sec, .tv_nsec = (long)time->tv_usec * 1000};
  return pselect(limit, readable, writable, exceptional, &exact, 0);
}
