/* Calls that may wait. Before one of them, and after one that a signal has
 * interrupted, the handlers run of what has come from outside. A wait goes on if
 * none has run, for then the signal is ignored or blocked; one that begins again by
 * SA_RESTART does so here. The driver links these in front of wasi-libc's
 * (`--wrap`); the others have the names that the headers give them. */
#include "signals.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wasi/api.h>

#define IMPORT(name) __attribute__((__import_module__("wasi_snapshot_preview1"), __import_name__(#name)))

int32_t import_fd_read(int32_t, const void *, size_t, __wasi_size_t *) IMPORT(fd_read);
int32_t import_fd_write(int32_t, const void *, size_t, __wasi_size_t *) IMPORT(fd_write);
int32_t import_sock_accept(int32_t, int32_t, __wasi_fd_t *) IMPORT(sock_accept);
int32_t import_sock_recv(int32_t, const void *, size_t, int32_t, __wasi_size_t *, __wasi_roflags_t *)
    IMPORT(sock_recv);
int32_t import_sock_send(int32_t, const void *, size_t, int32_t, __wasi_size_t *) IMPORT(sock_send);
int32_t import_clock_time_get(int32_t, int64_t, __wasi_timestamp_t *) IMPORT(clock_time_get);
int32_t import_poll_oneoff(const void *, void *, size_t, __wasi_size_t *) IMPORT(poll_oneoff);

#define RESTARTING(call)                                                      \
  struct interruptible wait = bellglass_before_wait();                        \
  int error;                                                                  \
  do                                                                          \
    error = (call);                                                           \
  while (error == EINTR && bellglass_restarts(&wait));                        \
  return (__wasi_errno_t)error

__wasi_errno_t __wrap___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *iovs, size_t count,
                                     __wasi_size_t *read) {
  RESTARTING(import_fd_read(fd, iovs, count, read));
}

__wasi_errno_t __wrap___wasi_fd_write(__wasi_fd_t fd, const __wasi_ciovec_t *iovs, size_t count,
                                      __wasi_size_t *written) {
  RESTARTING(import_fd_write(fd, iovs, count, written));
}

__wasi_errno_t __wrap___wasi_sock_accept(__wasi_fd_t fd, __wasi_fdflags_t flags, __wasi_fd_t *accepted) {
  RESTARTING(import_sock_accept(fd, flags, accepted));
}

__wasi_errno_t __wrap___wasi_sock_recv(__wasi_fd_t fd, const __wasi_iovec_t *iovs, size_t count,
                                       __wasi_riflags_t flags, __wasi_size_t *read, __wasi_roflags_t *out) {
  RESTARTING(import_sock_recv(fd, iovs, count, flags, read, out));
}

__wasi_errno_t __wrap___wasi_sock_send(__wasi_fd_t fd, const __wasi_ciovec_t *iovs, size_t count,
                                       __wasi_siflags_t flags, __wasi_size_t *sent) {
  RESTARTING(import_sock_send(fd, iovs, count, flags, sent));
}

/* It does not wait, but loops that watch the time call nothing else. */
__wasi_errno_t __wrap___wasi_clock_time_get(__wasi_clockid_t id, __wasi_timestamp_t precision,
                                            __wasi_timestamp_t *time) {
  bellglass_take_signals();
  return (__wasi_errno_t)import_clock_time_get((int32_t)id, (int64_t)precision, time);
}

static __wasi_timestamp_t now(void) {
  __wasi_timestamp_t time = 0;
  (void)import_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time);
  return time;
}

/* Takes the time that has passed off what is still to wait. */
static void shorten(__wasi_subscription_t *subscriptions, size_t count, __wasi_timestamp_t passed) {
  for (size_t i = 0; i < count; i++) {
    if (subscriptions[i].u.tag != __WASI_EVENTTYPE_CLOCK)
      continue;
    __wasi_subscription_clock_t *clock = &subscriptions[i].u.u.clock;
    if (!(clock->flags & __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME))
      clock->timeout = clock->timeout > passed ? clock->timeout - passed : 0;
  }
}

static int has_relative_time(const __wasi_subscription_t *subscriptions, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (subscriptions[i].u.tag == __WASI_EVENTTYPE_CLOCK && subscriptions[i].u.u.clock.timeout &&
        !(subscriptions[i].u.u.clock.flags & __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME))
      return 1;
  return 0;
}

int bellglass_poll_oneoff(const __wasi_subscription_t *subscriptions, __wasi_event_t *events, size_t count,
                          __wasi_size_t *happened) {
  return import_poll_oneoff(subscriptions, events, count, happened);
}

/* It never begins again after a handler. */
__wasi_errno_t __wrap___wasi_poll_oneoff(const __wasi_subscription_t *in, __wasi_event_t *out, size_t count,
                                         __wasi_size_t *happened) {
  struct interruptible wait = bellglass_before_wait();
  __wasi_timestamp_t begun = has_relative_time(in, count) ? now() : 0;
  __wasi_subscription_t *rest = 0;
  size_t size;
  int error;
  while ((error = import_poll_oneoff(rest ? rest : in, out, count, happened)) == EINTR) {
    if (!bellglass_goes_on(&wait))
      break;
    if (!begun)
      continue;
    if (__builtin_mul_overflow(count, sizeof *rest, &size) || (!rest && !(rest = malloc(size))))
      break;
    memcpy(rest, in, size);
    shorten(rest, count, now() - begun);
  }
  free(rest);
  return (__wasi_errno_t)error;
}

ssize_t env_recvfrom(int, void *, size_t, int, struct sockaddr *, socklen_t *) BELLGLASS_DELEGATED(recvfrom);
ssize_t env_sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t)
    BELLGLASS_DELEGATED(sendto);
ssize_t env_recvmsg(int, struct msghdr *, int) BELLGLASS_DELEGATED(recvmsg);
ssize_t env_sendmsg(int, const struct msghdr *, int) BELLGLASS_DELEGATED(sendmsg);

#define RESTARTING_COUNT(call)                                                \
  struct interruptible wait = bellglass_before_wait();                        \
  ssize_t count;                                                              \
  do                                                                          \
    count = (call);                                                           \
  while (count < 0 && errno == EINTR && bellglass_restarts(&wait));           \
  return count

ssize_t recvfrom(int fd, void *restrict bytes, size_t length, int flags, struct sockaddr *restrict address,
                 socklen_t *restrict size) {
  RESTARTING_COUNT(env_recvfrom(fd, bytes, length, flags, address, size));
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address,
               socklen_t size) {
  RESTARTING_COUNT(env_sendto(fd, bytes, length, flags, address, size));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  RESTARTING_COUNT(env_recvmsg(fd, message, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  RESTARTING_COUNT(env_sendmsg(fd, message, flags));
}
