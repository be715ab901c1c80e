/* Memory maps. WebAssembly has no page tables: memory of its own is pages, and a map of
 * a file is pages into which the file was read. A shared one that can be written to is
 * written back by msync and munmap; two maps of one file do not see each other before
 * that. Of a private one nothing is known any more when it has been read. */
#define _GNU_SOURCE
#include "syscall.h"

#include "pages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* As Linux, so that an allocator that wants its pieces at such an address gets them
 * there at once. */
#define LARGE (UINT64_C(2) << 20)

/* Our own copy of a descriptor, for all that is left of one map. A program that counts
 * its descriptors finds the small numbers as it left them. */
#define FIRST_OWN_DESCRIPTOR 64
struct file {
  int fd;
  unsigned parts;
};

/* A shared map, of a file or of none. Of private ones nothing need be known but their
 * pages. */
struct mapping {
  struct mapping *next;
  struct range range;
  uint64_t offset;
  struct file *file;   /* or 0 */
  int can_write;       /* by its descriptor */
  int is_written_back; /* since it may be written to */
};
static struct mapping *all;

/* Entries for both, in pages of their own: malloc may be the one who asks for memory. */
union entry {
  union entry *next;
  struct mapping mapping;
  struct file file;
};
static union entry *unused;

static void *new_entry(void) {
  if (!unused) {
    uint64_t page = __take_pages(PAGE, PAGE);
    if (!page)
      return 0;
    union entry *entries = (union entry *)(uintptr_t)page;
    for (size_t i = 0; i < PAGE / sizeof *entries; i++) {
      entries[i].next = unused;
      unused = &entries[i];
    }
  }
  union entry *entry = unused;
  unused = entry->next;
  return entry;
}

static void drop_entry(void *address) {
  union entry *entry = address;
  entry->next = unused;
  unused = entry;
}

static int is_error(long result) { return result < 0 && result > -4096; }

static struct file *keep_file(int fd, long *failed) {
  struct file *file = new_entry();
  if (!file) {
    *failed = -ENOMEM;
    return 0;
  }
  long own = __syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR);
  if (own == -EINVAL)
    own = __syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    drop_entry(file);
    *failed = own;
    return 0;
  }
  *file = (struct file){.fd = (int)own, .parts = 1};
  return file;
}

static void drop_file(struct file *file) {
  if (!file || --file->parts)
    return;
  __syscall(SYS_close, file->fd);
  drop_entry(file);
}

/* Reads the file into a range of its map; what is behind the file's end stays zero. */
static long load(int fd, uint64_t address, uint64_t length, uint64_t offset) {
  while (length) {
    long count = __syscall(SYS_pread, fd, (long)address, (long)(length < INT32_MAX ? length : INT32_MAX),
                           __SYSCALL_LL_PRW(offset));
    if (count == -EINTR)
      continue;
    if (count < 0)
      return count;
    if (!count)
      break;
    address += (uint64_t)count;
    offset += (uint64_t)count;
    length -= (uint64_t)count;
  }
  return 0;
}

/* Writes a range of a map back, never beyond the end of the file. */
static long store(const struct mapping *m, struct range range) {
  if (!m->file || !m->is_written_back)
    return 0;
  struct statx status;
  long failed = __syscall(SYS_statx, m->file->fd, "", AT_EMPTY_PATH, STATX_SIZE, &status);
  if (failed)
    return failed;
  uint64_t offset = m->offset + (range.begin - m->range.begin), address = range.begin;
  uint64_t length = status.stx_size > offset ? status.stx_size - offset : 0;
  if (length > range.end - range.begin)
    length = range.end - range.begin;
  while (length) {
    long count = __syscall(SYS_pwrite, m->file->fd, (long)address, (long)(length < INT32_MAX ? length : INT32_MAX),
                           __SYSCALL_LL_PRW(offset));
    if (count == -EINTR)
      continue;
    if (count <= 0)
      return count ? count : -EIO;
    address += (uint64_t)count;
    offset += (uint64_t)count;
    length -= (uint64_t)count;
  }
  return 0;
}

/* --- taking maps away */

/* Makes two maps of one, so that it can lose its middle. */
static int split(struct mapping *m, uint64_t at) {
  struct mapping *behind = new_entry();
  if (!behind)
    return -ENOMEM;
  *behind = *m;
  behind->range.begin = at;
  behind->offset += at - m->range.begin;
  m->range.end = at;
  if (m->file)
    m->file->parts++;
  m->next = behind;
  return 0;
}

/* Has no map of a file reach over an end of a range. */
static int split_at_ends(struct range range) {
  for (struct mapping *m = all; m; m = m->next) {
    uint64_t ends[] = {range.begin, range.end};
    for (int i = 0; i < 2; i++)
      if (m->range.begin < ends[i] && ends[i] < m->range.end && split(m, ends[i]))
        return -ENOMEM;
  }
  return 0;
}

/* What cannot be written back is told by nobody, as when a kernel does it later. */
static int unmap(struct range range) {
  int failed = split_at_ends(range);
  if (failed)
    return failed;
  for (struct mapping **at = &all; *at;) {
    struct mapping *m = *at;
    if (m->range.begin < range.begin || m->range.end > range.end) {
      at = &m->next;
      continue;
    }
    (void)store(m, m->range);
    *at = m->next;
    drop_file(m->file);
    drop_entry(m);
  }
  __give_pages(range);
  return 0;
}

/* Whether a program may do as it likes there: behind what it was linked with. */
static int is_mappable(struct range range) {
  return range.begin >= __first_page() && range.end <= END_OF_ADDRESSES;
}

long __call_munmap(long address, long length) {
  struct range range = range_of(address, (unsigned long)length);
  if (range.begin % PAGE || !length || !is_mappable(range))
    return -EINVAL;
  return unmap(range);
}

/* --- making maps */

static uint64_t alignment_of(uint64_t length) { return length >= LARGE ? LARGE : PAGE; }

/* The pages of a new map, or an error. */
static long place(struct range wanted, long flags, uint64_t length) {
  if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
    if (wanted.begin % PAGE)
      return -EINVAL;
    if (!is_mappable(wanted))
      return -ENOMEM;
    if (!(flags & MAP_FIXED_NOREPLACE)) {
      int failed = unmap(wanted);
      if (failed)
        return failed;
    }
    if (!__take_pages_at(wanted))
      return (long)wanted.begin;
    return flags & MAP_FIXED_NOREPLACE && __taken_pages(wanted) ? -EEXIST : -ENOMEM;
  }
  struct range hint = range_of((long)((wanted.begin + PAGE - 1) / PAGE * PAGE), (unsigned long)length);
  if (wanted.begin && is_mappable(hint) && !__take_pages_at(hint))
    return (long)hint.begin;
  uint64_t address = __take_pages(length, alignment_of(length));
  return address ? (long)address : -ENOMEM;
}

/* Whether a file can be mapped so, and whether its map could be written to. */
static long check_file(long fd, long protection, long kind, int *can_write) {
  long flags = __syscall(SYS_fcntl, fd, F_GETFL);
  if (flags < 0)
    return flags;
  if (flags & O_PATH)
    return -EBADF;
  long access = flags & O_ACCMODE;
  *can_write = access == O_RDWR;
  if (access == O_WRONLY || (kind != MAP_PRIVATE && (protection & PROT_WRITE) && !*can_write))
    return -EACCES;
  return 0;
}

/* Reads a file into its pages, and keeps what there is to know of the map. */
static long fill(struct range range, int fd, uint64_t offset, int is_private, int can_write, int is_written_back) {
  long failed = load(fd, range.begin, range.end - range.begin, offset);
  /* What has no places has no pages either. */
  if (failed == -ESPIPE || failed == -EISDIR || failed == -EINVAL)
    return -ENODEV;
  if (failed || is_private)
    return failed;
  struct mapping *m = new_entry();
  if (!m)
    return -ENOMEM;
  struct file *file = keep_file(fd, &failed);
  if (!file) {
    drop_entry(m);
    return failed;
  }
  *m = (struct mapping){all, range, offset, file, can_write, is_written_back};
  all = m;
  return 0;
}

/* Keeps that a range of memory is shared: it is not zero again when it is not needed. */
static long keep_shared(struct range range) {
  struct mapping *m = new_entry();
  if (!m)
    return -ENOMEM;
  *m = (struct mapping){.next = all, .range = range, .can_write = 1};
  all = m;
  return 0;
}

long __call_mmap2(long address, long length, long protection, long flags, long fd, long page) {
  long kind = flags & MAP_TYPE;
  int is_memory = (flags & MAP_ANONYMOUS) != 0, can_write = 0;
  if (!is_memory) {
    long failed = check_file(fd, protection, kind, &can_write);
    if (failed)
      return failed;
  }
  if (!length || (kind != MAP_SHARED && kind != MAP_PRIVATE && (is_memory || kind != MAP_SHARED_VALIDATE)))
    return -EINVAL;
  /* Nobody can jump into memory, nor have a stack in it. Who makes code or switches
   * stacks is told so at once, as where a policy of the kernel forbids it; a file that
   * is mapped to be executed may still be read. */
  if (is_memory && (protection & PROT_EXEC))
    return -EACCES;
  if (is_memory && (flags & MAP_STACK))
    return -EOPNOTSUPP;
  struct range wanted = range_of(address, (unsigned long)length);
  long result = place(wanted, flags, wanted.end - wanted.begin);
  if ((is_memory && kind == MAP_PRIVATE) || is_error(result))
    return result;
  struct range range = range_of(result, (unsigned long)length);
  long failed = is_memory ? keep_shared(range)
                          : fill(range, (int)fd, (uint64_t)(unsigned long)page * PAGE, kind == MAP_PRIVATE, can_write,
                                 (protection & PROT_WRITE) != 0);
  if (!failed)
    return result;
  __give_pages(range);
  return failed;
}

/* --- changing maps */

/* The shared map that holds all of a range, if there is one. */
static struct mapping *mapping_of(struct range range) {
  for (struct mapping *m = all; m; m = m->next)
    if (m->range.begin <= range.begin && range.end <= m->range.end)
      return m;
  return 0;
}

static int is_all_taken(struct range range) { return __taken_pages(range) == range.end - range.begin; }

/* The map of a file grows with its pages. */
static void move_mapping(struct mapping *m, struct range to) {
  uint64_t before = m->range.end - m->range.begin, after = to.end - to.begin;
  m->range = to;
  if (m->file && after > before)
    (void)load(m->file->fd, to.begin + before, after - before, m->offset + before);
}

long __call_mremap(long address, long old_length, long new_length, long flags, long new_address) {
  struct range from = range_of(address, (unsigned long)old_length);
  struct range to = range_of(new_address, (unsigned long)new_length);
  if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || from.begin % PAGE || !new_length)
    return -EINVAL;
  uint64_t size = to.end - to.begin, old_size = from.end - from.begin;
  if (flags & MREMAP_FIXED) {
    struct range both = common(from, to);
    if (!(flags & MREMAP_MAYMOVE) || to.begin % PAGE || !is_mappable(to) || both.begin != both.end)
      return -EINVAL;
  }
  /* A second view of the same pages is what cannot be had. */
  if (!old_size)
    return -EINVAL;
  if (!is_mappable(from) || !is_all_taken(from))
    return -EFAULT;
  if (split_at_ends(from))
    return -ENOMEM;
  struct mapping *m = mapping_of(from);
  if (!(flags & MREMAP_FIXED)) {
    if (size <= old_size) {
      if (size < old_size)
        (void)unmap((struct range){from.begin + size, from.end});
      return address;
    }
    struct range more = {from.end, from.begin + size};
    if (more.end <= END_OF_ADDRESSES && !__take_pages_at(more)) {
      if (m)
        move_mapping(m, (struct range){from.begin, more.end});
      return address;
    }
    if (!(flags & MREMAP_MAYMOVE))
      return -ENOMEM;
    uint64_t begin = __take_pages(size, alignment_of(size));
    if (!begin)
      return -ENOMEM;
    to = (struct range){begin, begin + size};
  } else {
    int failed = unmap(to);
    if (failed)
      return failed;
    if (__take_pages_at(to))
      return -ENOMEM;
  }
  memcpy((void *)(uintptr_t)to.begin, (void *)(uintptr_t)from.begin, (size_t)(size < old_size ? size : old_size));
  if (m)
    move_mapping(m, to);
  __give_pages(from);
  return (long)to.begin;
}

/* --- what is asked of maps */

long __call_msync(long address, long length, long flags) {
  struct range range = range_of(address, (unsigned long)length);
  if (range.begin % PAGE || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
      ((flags & MS_ASYNC) && (flags & MS_SYNC)))
    return -EINVAL;
  if (range.end > END_OF_ADDRESSES)
    return -ENOMEM;
  long failed = 0;
  for (struct mapping *m = all; m; m = m->next) {
    struct range part = common(m->range, range);
    long result = part.begin < part.end ? store(m, part) : 0;
    if (result)
      failed = result;
  }
  return failed ? failed : is_all_taken(range) ? 0 : -ENOMEM;
}

long __call_mprotect(long address, long length, long protection) {
  enum { PROT_SEM = 8, KNOWN = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP };
  struct range range = range_of(address, (unsigned long)length);
  if (range.begin % PAGE || protection & ~KNOWN)
    return -EINVAL;
  if (range.end > END_OF_ADDRESSES || !is_all_taken(range))
    return -ENOMEM;
  /* No map of ours grows by itself. */
  if (protection & (PROT_GROWSDOWN | PROT_GROWSUP))
    return -EINVAL;
  if (protection & PROT_EXEC)
    return -EACCES;
  for (struct mapping *m = all; m && (protection & PROT_WRITE); m = m->next) {
    struct range part = common(m->range, range);
    if (part.begin == part.end)
      continue;
    if (!m->can_write)
      return -EACCES;
    m->is_written_back = 1;
  }
  return 0;
}

static int is_advice(long advice) {
  enum { MADV_COLLAPSE = 25 };
  return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_COLLAPSE);
}

long __call_madvise(long address, long length, long advice) {
  struct range range = range_of(address, (unsigned long)length);
  if (range.begin % PAGE || !is_advice(advice))
    return -EINVAL;
  if (range.end > END_OF_ADDRESSES || !is_all_taken(range))
    return -ENOMEM;
  if (advice != MADV_DONTNEED || !is_mappable(range))
    return 0;
  /* Memory that is not needed is zero afterwards, as programs expect of Linux. A
   * shared map keeps what it has. */
  if (split_at_ends(range))
    return -ENOMEM;
  for (uint64_t page = range.begin; page < range.end;) {
    struct mapping *m = mapping_of((struct range){page, page + PAGE});
    if (m) {
      page = m->range.end;
      continue;
    }
    memset((void *)(uintptr_t)page, 0, PAGE);
    page += PAGE;
  }
  return 0;
}

long __call_mincore(long address, long length, long residence) {
  struct range range = range_of(address, (unsigned long)length);
  if (range.begin % PAGE)
    return -EINVAL;
  if (range.end > END_OF_ADDRESSES || !is_all_taken(range))
    return -ENOMEM;
  memset((void *)residence, 1, (size_t)((range.end - range.begin) / PAGE));
  return 0;
}

/* Pages are never anywhere else. */
long __call_mlock(long address, long length) {
  struct range range = range_of(address & -4096, (unsigned long)length + (unsigned long)(address & 4095));
  return range.end > END_OF_ADDRESSES || !is_all_taken(range) ? -ENOMEM : 0;
}
long __call_mlock2(long address, long length, long flags) {
  return flags & ~MLOCK_ONFAULT ? -EINVAL : __call_mlock(address, length);
}
long __call_munlock(long address, long length) { return __call_mlock(address, length); }
long __call_mlockall(long flags) {
  return !flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT ? -EINVAL : 0;
}
long __call_munlockall(void) { return 0; }

/* Linux itself only emulates it. */
long __call_remap_file_pages(long address, long length, long protection, long page, long flags) {
  (void)address, (void)length, (void)protection, (void)page, (void)flags;
  return -EINVAL;
}

/* --- the older way to memory */

long __call_brk(long wanted) {
  static uint64_t end;
  if (!end)
    end = __first_page();
  uint64_t address = (unsigned long)wanted;
  if (address < __first_page())
    return (long)end;
  struct range change = {whole_pages(end), whole_pages(address)};
  if (change.end > change.begin) {
    if (__take_pages_at(change))
      return (long)end;
  } else if (change.end < change.begin) {
    __give_pages((struct range){change.end, change.begin});
  }
  end = address;
  return (long)end;
}
