/* Signals that are read (signalfd). Which wait lies in the guest, and the descriptors lie with
 * the controller: so that is told which ones wait before a call that looks, and hears after a
 * read that they are to be taken out of their queues. What the record says of each is filled in
 * here, where it is known. */
#include "import.h"
#include "signals.h"

#include <string.h>
#include <sys/signalfd.h>
#include <sys/uio.h>

IMPORT(read, 3)
IMPORT(readv, 3)
IMPORT(preadv2, 6)
IMPORT(signalfd4, 4)

/* Tells which signals wait, and writes 64 bits: those of them that a read has asked for since. */
long __signals_pending(long low, long high, uint64_t *asked)
    __attribute__((import_module("bellglass"), import_name("signals_pending")));

int __signals_are_read;

/* What the controller takes to wait. */
static uint64_t told;

static uint64_t tell(uint64_t waiting) {
  uint64_t asked = 0;
  (void)__signals_pending((long)(uint32_t)waiting, (long)(uint32_t)(waiting >> 32), &asked);
  told = waiting & ~asked;
  return asked;
}

void __tell_waiting_signals(void) {
  if (told != __signals_waiting)
    (void)tell(__signals_waiting);
}

long __call_signalfd4(long fd, long mask, long size, long flags) {
  long result = __external_signalfd4(fd, mask, size, flags);
  if (result >= 0)
    __signals_are_read = 1;
  look_at_signals();
  return result;
}

static struct signalfd_siginfo record_of(const siginfo_t *information) {
  int code = information->si_code;
  struct signalfd_siginfo record = {
      .ssi_signo = (uint32_t)information->si_signo,
      .ssi_errno = information->si_errno,
      .ssi_code = code,
  };
  if (code == SI_TIMER) {
    record.ssi_tid = (uint32_t)information->si_timerid;
    record.ssi_overrun = (uint32_t)information->si_overrun;
  } else {
    record.ssi_pid = (uint32_t)information->si_pid;
    record.ssi_uid = information->si_uid;
  }
  if (information->si_signo == SIGCHLD && code > SI_USER && code < SI_KERNEL) {
    record.ssi_status = information->si_status;
    record.ssi_utime = (uint64_t)information->si_utime;
    record.ssi_stime = (uint64_t)information->si_stime;
  } else if (code < 0) {
    record.ssi_ptr = (uint64_t)(int64_t)(intptr_t)information->si_ptr;
    record.ssi_int = information->si_int;
  }
  return record;
}

/* Writes bytes to where `done` have been written already. */
static void put(const struct iovec *parts, long count, size_t done, const void *bytes, size_t length) {
  const char *from = bytes;
  for (long at = 0; at < count && length > 0; at++) {
    if (done >= parts[at].iov_len) {
      done -= parts[at].iov_len;
      continue;
    }
    size_t part = parts[at].iov_len - done < length ? parts[at].iov_len - done : length;
    memcpy((char *)parts[at].iov_base + done, from, part);
    from += part;
    length -= part;
    done = 0;
  }
}

/* After a read: if it was one of signals, these are what it gave. */
static long filled(long result, const struct iovec *parts, long count) {
  if (!__builtin_expect(__signals_are_read, 0) || result <= 0 || !told)
    return result;
  uint64_t asked = tell(told);
  if (!asked)
    return result;
  size_t room = 0, done = 0;
  for (long at = 0; at < count; at++)
    room += parts[at].iov_len;
  siginfo_t information;
  while (room - done >= sizeof(struct signalfd_siginfo) && __take_signal(asked, &information)) {
    struct signalfd_siginfo record = record_of(&information);
    put(parts, count, done, &record, sizeof record);
    done += sizeof record;
  }
  return (long)done;
}

#define READS(call, parts, count) \
  long result; \
  do { \
    look_at_signals(); \
    tell_waiting_signals(); \
    result = filled(call, parts, count); \
  } while (begins_again(result, AFTER_RESTARTING)); \
  return result;

long __call_read(long fd, long buffer, long length) {
  struct iovec whole = {(void *)buffer, (size_t)length};
  READS(__external_read(fd, buffer, length), &whole, 1)
}

long __call_readv(long fd, long parts, long count) {
  READS(__external_readv(fd, parts, count), (const struct iovec *)parts, count)
}

long __call_preadv2(long fd, long parts, long count, long low, long high, long flags) {
  READS(__external_preadv2(fd, parts, count, low, high, flags), (const struct iovec *)parts, count)
}
