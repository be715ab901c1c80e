/* Descriptors, pipes, sockets in pairs, memory files with seals, and what moves data between
 * them. */
#include "common.h"
#include "tree.h"
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

/* The descriptors from here to there are the sequence's, and are named by their numbers: the
 * lowest that is free is part of what is compared. */
#define LOWEST 3
#define HIGHEST 24

/* How many bytes may wait in a pipe or a socket. Of less than this each takes all that is
 * written. Masked: how much more goes in, for that depends on how what was written lies in
 * the kernel's pages; `do_capacity` looks at it where that is the same always. */
#define IN_FLIGHT 12000

static void close_from(int first) {
  for (int fd = first; fd < 100; fd++)
    close(fd);
}

/* What a descriptor is, by stat: what the operations may do with it. */
static int is(int fd, mode_t type) {
  struct stat stat;
  return fstat(fd, &stat) == 0 && (stat.st_mode & S_IFMT) == type;
}

static int some(void) {
  /* Mostly one that is open. */
  int fd = LOWEST;
  for (int tries = 0; tries < 8; tries++) {
    fd = between(LOWEST, HIGHEST);
    if (fcntl(fd, F_GETFD) >= 0)
      break;
  }
  return chance(3) ? PICK(((int[]){-1, 99, 100000})) : fd;
}

/* Whether another write might find it full. */
static int has_room(int fd) {
  int waiting = 0;
  if (is(fd, S_IFIFO))
    return ioctl(fd, FIONREAD, &waiting) == 0 && waiting < IN_FLIGHT;
  if (!is(fd, S_IFSOCK))
    return 1;
  /* How much waits at the other end is not told here: each takes some dozen short ones. */
  return chance(40);
}

static void say_flags(int fd) {
  int flags = fcntl(fd, F_GETFL), own = fcntl(fd, F_GETFD);
  if (flags >= 0)
    /* O_LARGEFILE has another number on each machine, and no meaning here. */
    say(" flags %x %x", (unsigned)(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_PATH | O_ASYNC)), (unsigned)own);
}

/* --- making them */

static void do_make(void) {
  int ends[2] = {-1, -1}, fd;
  if (fcntl(HIGHEST - 4, F_GETFD) >= 0) {
    say("close from %d", LOWEST + 6);
    close_from(LOWEST + 6);
    return;
  }
  switch (below(7)) {
  case 0: case 1: {
    int flags = O_NONBLOCK | (chance(30) ? O_CLOEXEC : 0);
    flags |= chance(3) ? O_APPEND : 0;
    say("pipe2 %s%s", flags & O_CLOEXEC ? "cloexec" : "", flags & O_APPEND ? " append" : "");
    if (told(pipe2(ends, flags)) == 0) {
      say(" %d %d", ends[0], ends[1]);
      say_flags(ends[0]);
      say_flags(ends[1]);
    }
    break;
  }
  case 2: {
    int type = PICK(((int[]){SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, 77}));
    say("socketpair %d", type);
    if (told(socketpair(AF_UNIX, type | SOCK_NONBLOCK, chance(5) ? 7 : 0, ends)) == 0)
      say(" %d %d", ends[0], ends[1]);
    break;
  }
  case 3: case 4: {
    static const int access[] = {O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_APPEND};
    const char *name = PICK(((const char *[]){"a", "b"}));
    int flags = PICK(access);
    say("open %s %x", name, (unsigned)flags & (O_ACCMODE | O_APPEND));
    tell(open(name, flags | O_CREAT, 0644));
    break;
  }
  case 5: {
    unsigned flags = PICK(((unsigned[]){MFD_ALLOW_SEALING, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING | MFD_CLOEXEC, 0, 0x1000}));
    char name[300];
    memset(name, 'm', sizeof name);
    name[PICK(((int[]){3, 249, 250}))] = 0;
    say("memfd_create %u flags %x", (unsigned)strlen(name), flags);
    fd = memfd_create(name, flags);
    if (tell(fd) >= 0) {
      struct stat stat;
      fstat(fd, &stat);
      say(" %s size %lld links %u", type_name(stat.st_mode), (long long)stat.st_size, (unsigned)stat.st_nlink);
      say_flags(fd);
    }
    break;
  }
  case 6: {
    unsigned value = below(4);
    int flags = EFD_NONBLOCK | (chance(40) ? EFD_SEMAPHORE : 0);
    flags |= chance(5) ? 0x40000 : 0;
    say("eventfd %u flags %x", value, (unsigned)flags & ~(unsigned)EFD_NONBLOCK);
    tell(eventfd(value, flags));
    break;
  }
  }
}

/* --- the descriptors themselves */

static void do_descriptor(void) {
  int fd = some(), to = chance(80) ? between(LOWEST, HIGHEST) : PICK(((int[]){fd, -1, 2000000000}));
  struct stat stat;
  switch (below(12)) {
  case 0:
    say("dup %d", fd);
    tell(dup(fd));
    break;
  case 1:
    say("dup2 %d to %d", fd, to);
    tell(dup2(fd, to));
    break;
  case 2: {
    int flags = PICK(((int[]){0, O_CLOEXEC, O_CLOEXEC, O_NONBLOCK}));
    say("dup3 %d to %d flags %x", fd, to, (unsigned)flags);
    tell(syscall(SYS_dup3, fd, to, flags));
    break;
  }
  case 3: {
    int command = PICK(((int[]){F_DUPFD, F_DUPFD_CLOEXEC}));
    to = chance(90) ? between(0, HIGHEST - 6) : PICK(((int[]){-1, 2000000000}));
    say("fcntl %d F_DUPFD%s from %d", fd, command == F_DUPFD ? "" : "_CLOEXEC", to);
    int made = fcntl(fd, command, to);
    if (tell(made) >= 0)
      say_flags(made);
    break;
  }
  case 4:
    say("flags of %d", fd);
    say_flags(fd);
    tell(fcntl(fd, F_GETFD));
    break;
  case 5: {
    int flags = PICK(((int[]){0, FD_CLOEXEC, 2, 3}));
    say("F_SETFD %d to %d", fd, flags);
    told(fcntl(fd, F_SETFD, flags));
    say_flags(fd);
    break;
  }
  case 6: {
    /* What could block stays as it is. */
    int flags = chance(50) ? O_APPEND : 0;
    flags |= is(fd, S_IFREG) && chance(50) ? 0 : O_NONBLOCK;
    flags |= chance(20) ? O_TRUNC | O_RDWR : 0;
    say("F_SETFL %d to %x", fd, (unsigned)flags);
    told(fcntl(fd, F_SETFL, flags));
    say_flags(fd);
    break;
  }
  case 7: case 8:
    say("close %d", fd);
    told(close(fd));
    break;
  case 9: {
    unsigned first = (unsigned)between(LOWEST, HIGHEST), last = first + below(6);
    unsigned flags = PICK(((unsigned[]){0, 0, 4 /* CLOSE_RANGE_CLOEXEC */, 8}));
    if (chance(10))
      first = last + 1;
    say("close_range %u to %u flags %x", first, last, flags);
    told((int)syscall(SYS_close_range, first, last, flags));
    break;
  }
  case 10:
    say("fstat %d", fd);
    /* Masked: an eventfd has no type; the permission bits of what has no name differ with
     * the kernel. */
    if (told(fstat(fd, &stat)) == 0)
      say(" %s size %lld", type_name(stat.st_mode), (long long)stat.st_size);
    break;
  case 11:
    say("fcntl %d unknown", fd);
    tell(fcntl(fd, 9999));
    break;
  }
}

/* --- data */

static struct iovec *vectors(char *bytes, size_t room, int count) {
  static struct iovec list[8];
  size_t at = 0;
  for (int index = 0; index < count; index++) {
    size_t length = below((unsigned)(room / 8));
    list[index] = (struct iovec){bytes + at, length};
    at += length;
  }
  return list;
}

static void do_data(void) {
  static char bytes[8000];
  int fd = some(), count = between(0, 7);
  size_t length = chance(80) ? below(300) : below(5000);
  long long offset = chance(90) ? between(0, 6000) : -1;
  unsigned kind = below(12);
  int writes = kind == 1 || kind == 3 || kind == 5 || kind == 7;
  memset(bytes, 0, sizeof bytes);
  if (writes) {
    fill(bytes, sizeof bytes);
    if (!has_room(fd))
      return;
  }
  long result = -1;
  switch (kind) {
  case 0: case 8: case 9:
    say("read %d %u", fd, (unsigned)length);
    result = tell(read(fd, bytes, length));
    break;
  case 1: {
    uint64_t add = PICK(((uint64_t[]){1, 2, 0, UINT64_MAX - 1, UINT64_MAX}));
    say("write %d %u", fd, (unsigned)length);
    struct stat stat;
    /* An eventfd takes a number. */
    if (fstat(fd, &stat) == 0 && !(stat.st_mode & S_IFMT)) {
      memcpy(bytes, &add, sizeof add);
      length = chance(90) ? 8 : 7;
    }
    tell(write(fd, bytes, length));
    break;
  }
  case 2:
    say("readv %d %d", fd, count);
    result = tell(readv(fd, vectors(bytes, sizeof bytes, count), count));
    break;
  case 3:
    say("writev %d %d", fd, count);
    tell(writev(fd, vectors(bytes, 4000, count), count));
    break;
  case 4:
    say("pread %d %u at %lld", fd, (unsigned)length, offset);
    result = tell(pread(fd, bytes, length, offset));
    break;
  case 5:
    say("pwrite %d %u at %lld", fd, (unsigned)length, offset);
    tell(pwrite(fd, bytes, length, offset));
    break;
  case 6:
    say("preadv %d %d at %lld", fd, count, offset);
    result = tell(preadv(fd, vectors(bytes, sizeof bytes, count), count, offset));
    break;
  case 7:
    say("pwritev %d %d at %lld", fd, count, offset);
    tell(pwritev(fd, vectors(bytes, 4000, count), count, offset));
    break;
  case 10: {
    int whence = PICK(((int[]){SEEK_SET, SEEK_CUR, SEEK_END, SEEK_SET, 9}));
    say("lseek %d %lld from %d", fd, offset, whence);
    long long at = lseek(fd, offset, whence);
    say(at < 0 ? " = %s" : " = ok", error_name(errno));
    if (at >= 0)
      say(" %lld", at);
    break;
  }
  case 11: {
    /* Masked: where holes are, for a file system need not keep them. What must be so: data
     * does not begin before what was asked for, a hole is there at the end at the latest,
     * and between the place and the data there are zeros. */
    struct stat stat;
    long long from = between(0, 7000);
    say("holes of %d from %lld", fd, from);
    if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
      break;
    long long data = lseek(fd, from, SEEK_DATA);
    int error = errno;
    long long hole = lseek(fd, from, SEEK_HOLE);
    if (from >= stat.st_size) {
      say(" = %s", data < 0 ? error_name(error) : "found");
      say(" = %s", hole < 0 ? error_name(errno) : "found");
    } else {
      int right = hole >= from && hole <= stat.st_size && (data >= from || error == ENXIO);
      long long until = data < 0 ? stat.st_size : data;
      for (long long at = from; at < until; at++)
        if (pread(fd, bytes, 1, at) == 1 && bytes[0])
          right = 0;
      say(" right %d", right);
    }
    lseek(fd, 0, SEEK_SET);
    break;
  }
  }
  if (result > 0)
    say_bytes(bytes, sizeof bytes);
}

static void do_size(void) {
  int fd = some();
  long long size = chance(10) ? -1 : between(0, 7000);
  struct stat stat;
  if (chance(70)) {
    say("ftruncate %d %lld", fd, size);
    told(ftruncate(fd, size));
  } else {
    int mode = PICK(((int[]){0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE}));
    say("fallocate %d mode %d 0 %lld", fd, mode, size);
    told(fallocate(fd, mode, 0, size));
  }
  if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
    say(" size %lld", (long long)stat.st_size);
}

static void do_seals(void) {
  int fd = some();
  if (chance(40)) {
    int seals = (int)below(32);
    if (chance(70))
      seals &= ~F_SEAL_SEAL;
    say("seal %d %x", fd, (unsigned)seals);
    told(fcntl(fd, F_ADD_SEALS, seals));
  } else {
    say("seals of %d", fd);
    tell(fcntl(fd, F_GET_SEALS));
  }
}

/* --- from one to another */

static void do_transfer(void) {
  int from = some(), to = some();
  size_t length = below(3000);
  off_t offset = between(0, 3000), other = between(0, 3000);
  int has_offset = chance(50), has_other = chance(30);
  struct stat one, two;
  int both = fstat(from, &one) == 0 && fstat(to, &two) == 0 && S_ISREG(one.st_mode) && S_ISREG(two.st_mode);
  int is_same = both && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
  if (!has_room(to))
    return;
  long result;
  switch (below(4)) {
  case 0:
    say("sendfile %d to %d, %u", from, to, (unsigned)length);
    /* A file that is copied over itself is read while it is written, as the pages lie. */
    if (is_same)
      return;
    result = tell(sendfile(to, from, has_offset ? &offset : 0, length));
    break;
  case 1:
    say("copy_file_range %d to %d, %u", from, to, (unsigned)length);
    /* The file systems do not agree about copying from one of them to another. */
    if (both && one.st_dev != two.st_dev)
      return;
    result = tell(copy_file_range(from, has_offset ? &offset : 0, to, has_other ? &other : 0, length, chance(5) ? 1 : 0));
    break;
  case 2:
    say("splice %d to %d, %u", from, to, (unsigned)length);
    result = tell(splice(from, has_offset ? &offset : 0, to, has_other ? &other : 0, length, SPLICE_F_NONBLOCK));
    break;
  default:
    say("tee %d to %d, %u", from, to, (unsigned)length);
    result = tell(tee(from, to, length, SPLICE_F_NONBLOCK));
    break;
  }
  (void)result;
  say(" offsets %lld %lld", has_offset ? (long long)offset : -1, has_other ? (long long)other : -1);
}

/* A new pipe, its capacity, and how much goes into it in whole pages, where nothing depends
 * on how the pages are filled. */
static void do_capacity(void) {
  static char bytes[1 << 18];
  int ends[2];
  int wanted = PICK(((int[]){0, 1, 4096, 5000, 65536, 100000, 131072, -1}));
  say("capacity %d", wanted);
  if (told(pipe2(ends, O_NONBLOCK)))
    return;
  tell(fcntl(ends[chance(50)], F_GETPIPE_SZ));
  if (wanted)
    tell(fcntl(ends[1], F_SETPIPE_SZ, wanted));
  long size = fcntl(ends[0], F_GETPIPE_SZ), total = 0, count;
  fill(bytes, sizeof bytes);
  while ((count = write(ends[1], bytes, 4096)) > 0)
    total += count;
  say(" %ld of %ld, then", total, size);
  tell(count);
  int waiting = -1;
  ioctl(ends[0], FIONREAD, &waiting);
  say(" waiting %d", waiting);
  tell(fcntl(ends[1], F_SETPIPE_SZ, 4096));
  long pages = (long)below(4);
  tell(read(ends[0], bytes, (size_t)(pages * 4096)));
  tell(write(ends[1], bytes, 5 * 4096));
  if (chance(50)) {
    told(close(ends[1]));
    total = 0;
    while ((count = read(ends[0], bytes, sizeof bytes)) > 0)
      total += count;
    say(" read %ld, then", total);
    tell(count);
  } else {
    told(close(ends[0]));
    tell(write(ends[1], bytes, 1));
    tell(write(ends[1], bytes, 0));
    told(ioctl(ends[1], FIONREAD, &waiting));
    close(ends[1]);
    return;
  }
  close(ends[0]);
}

/* --- sockets */

static void say_option(int fd, const char *name, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  say(" %s", name);
  if (getsockopt(fd, SOL_SOCKET, option, &value, &length))
    say(" = %s", error_name(errno));
  else
    say(" = %d (%u)", value, (unsigned)length);
}

static void do_socket(void) {
  static char bytes[6000];
  int fd = some();
  size_t length = chance(80) ? below(200) : below(4000);
  switch (below(9)) {
  case 0: case 1: {
    int flags = MSG_NOSIGNAL | PICK(((int[]){0, MSG_DONTWAIT, MSG_EOR, MSG_OOB}));
    if (!has_room(fd))
      return;
    fill(bytes, length);
    say("send %d %u flags %x", fd, (unsigned)length, (unsigned)flags);
    tell(send(fd, bytes, length, flags));
    break;
  }
  case 2: case 3: case 4: {
    int flags = PICK(((int[]){0, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_PEEK | MSG_TRUNC, MSG_OOB}));
    say("recv %d %u flags %x", fd, (unsigned)length, (unsigned)flags);
    memset(bytes, 0, sizeof bytes);
    /* Of a stream MSG_TRUNC throws away what it reads. */
    long count = tell(recv(fd, bytes, length, flags));
    if (count > 0)
      say_bytes(bytes, sizeof bytes);
    break;
  }
  case 5: {
    int how = PICK(((int[]){SHUT_RD, SHUT_WR, SHUT_RDWR, 5}));
    say("shutdown %d %d", fd, how);
    told(shutdown(fd, how));
    break;
  }
  case 6: {
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    say("names of %d", fd);
    memset(&address, 0, sizeof address);
    if (told(getsockname(fd, (struct sockaddr *)&address, &size)) == 0)
      say(" %u family %d", (unsigned)size, address.sun_family);
    size = sizeof address;
    if (told(getpeername(fd, (struct sockaddr *)&address, &size)) == 0)
      say(" %u family %d", (unsigned)size, address.sun_family);
    break;
  }
  case 7:
    say("options of %d", fd);
    say_option(fd, "type", SO_TYPE);
    say_option(fd, "domain", SO_DOMAIN);
    say_option(fd, "protocol", SO_PROTOCOL);
    say_option(fd, "error", SO_ERROR);
    say_option(fd, "listens", SO_ACCEPTCONN);
    break;
  case 8: {
    int waiting = -7;
    say("FIONREAD %d", fd);
    if (told(ioctl(fd, FIONREAD, &waiting)) == 0)
      say(" %d", waiting);
    break;
  }
  }
}

/* Messages that carry descriptors. */
static void do_message(void) {
  static char bytes[3000];
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int) * 4)];
  } control;
  int fd = some();
  struct iovec list[2];
  list[0] = (struct iovec){bytes, below(60)};
  list[1] = (struct iovec){bytes + 100, below(60)};
  struct msghdr message = {.msg_iov = list, .msg_iovlen = 2};
  memset(&control, 0, sizeof control);
  if (chance(50)) {
    int passed = between(0, 3);
    if (!has_room(fd))
      return;
    fill(bytes, sizeof bytes);
    say("sendmsg %d %u+%u with %d", fd, (unsigned)list[0].iov_len, (unsigned)list[1].iov_len, passed);
    if (passed) {
      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * (unsigned)passed);
      struct cmsghdr *header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * (unsigned)passed);
      for (int at = 0; at < passed; at++) {
        int other = some();
        /* A socket within a socket is kept until somebody looks for such rings. */
        if (is(other, S_IFSOCK))
          other = top_fd;
        say(" %d", other);
        memcpy(CMSG_DATA(header) + sizeof(int) * (unsigned)at, &other, sizeof other);
      }
    }
    tell(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
  } else {
    int room = between(0, 4), flags = PICK(((int[]){0, MSG_CMSG_CLOEXEC, MSG_PEEK}));
    memset(bytes, 0, sizeof bytes);
    say("recvmsg %d %u+%u room %d flags %x", fd, (unsigned)list[0].iov_len, (unsigned)list[1].iov_len, room, (unsigned)flags);
    message.msg_control = room ? &control : 0;
    message.msg_controllen = room ? CMSG_SPACE(sizeof(int) * (unsigned)room) : 0;
    long count = tell(recvmsg(fd, &message, flags | MSG_DONTWAIT));
    if (count < 0)
      return;
    say_bytes(bytes, 200);
    say(" flags %x name %u", (unsigned)(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC | MSG_EOR)), (unsigned)message.msg_namelen);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      say(" level %d type %d", header->cmsg_level, header->cmsg_type);
      for (size_t at = 0; at < passed; at++) {
        int other;
        memcpy(&other, CMSG_DATA(header) + sizeof(int) * at, sizeof other);
        say(" %d", other);
        say_flags(other);
        if (other > HIGHEST)
          close(other);
      }
    }
  }
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 20)
    do_make();
  else if (kind < 40)
    do_descriptor();
  else if (kind < 62)
    do_data();
  else if (kind < 67)
    do_size();
  else if (kind < 72)
    do_seals();
  else if (kind < 82)
    do_transfer();
  else if (kind < 84)
    do_capacity();
  else if (kind < 95)
    do_socket();
  else
    do_message();
}

/* Something to work on. */
static void begin(void) {
  int ends[2];
  begin_tree();
  if (open("a", O_CREAT | O_RDWR, 0644) < 0 || memfd_create("m", MFD_ALLOW_SEALING) < 0 || pipe2(ends, O_NONBLOCK) ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) || write(LOWEST, "what is in the file", 19) != 19)
    fail("begin");
}

static void end(void) {
  close_from(LOWEST);
  end_tree();
}

int main(int count, char **words) {
  static const Program program = {80, begin, operate, end};
  signal(SIGPIPE, SIG_IGN);
  has_attributes = 0;
  return run(&program, count, words);
}
