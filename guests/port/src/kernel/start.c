/* What a program begins with. A kernel puts arguments, environment and a vector of facts
 * on the stack; here the controller gives their texts, and the vectors are made of them. */
#define _GNU_SOURCE
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "start.h"

#include "pthread_impl.h"
#include "signals.h"
#include "syscall.h"

#include <bellglass/run.h>

long __arguments(void *block, unsigned long size)
    __attribute__((import_module("bellglass"), import_name("arguments")));

/* What stands before the texts. */
struct head {
  uint32_t arguments, variables;
  uint32_t process, user, effective_user, group, effective_group;
  unsigned char random[16];
};

/* Room for what most programs are given. */
static char usual_block[4096];
static size_t usual_vector[256];

int bellglass_argument_count;
char **bellglass_arguments;
int __process;

static void *room(size_t size) {
  return (void *)__syscall(SYS_mmap2, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Puts the addresses of texts into a vector, and ends it. */
static size_t *point(size_t *vector, uint32_t count, char **text) {
  for (; count; count--) {
    *vector++ = (size_t)*text;
    *text += strlen(*text) + 1;
  }
  *vector++ = 0;
  return vector;
}

char **__read_arguments(void) {
  char *block = usual_block;
  long size = __arguments(block, sizeof usual_block);
  if (size > (long)sizeof usual_block) {
    block = room((size_t)size);
    if (__arguments(block, (unsigned long)size) != size)
      __builtin_trap();
  }
  struct head *head = (struct head *)block;
  size_t facts[] = {
      AT_PAGESZ,  PAGESIZE,    AT_CLKTCK, 100,
      AT_UID,     head->user,  AT_EUID,   head->effective_user,
      AT_GID,     head->group, AT_EGID,   head->effective_group,
      AT_SECURE,  0,           AT_RANDOM, (size_t)head->random,
      AT_EXECFN,  0,           AT_PLATFORM, (size_t) "wasm32",
      AT_HWCAP,   0,           AT_MINSIGSTKSZ, 2048,
      AT_NULL,    0,
  };
  size_t words = head->arguments + 1 + head->variables + 1 + sizeof facts / sizeof *facts;
  size_t *vector = words <= sizeof usual_vector / sizeof *usual_vector ? usual_vector : room(words * sizeof *vector);
  char *text = block + sizeof *head, **arguments = (char **)vector;
  size_t *at = point(vector, head->arguments, &text);
  at = point(at, head->variables, &text);
  for (size_t i = 0; facts[i]; i += 2)
    if (facts[i] == AT_EXECFN)
      facts[i + 1] = (size_t)arguments[0];
  memcpy(at, facts, sizeof facts);
  __process = (int)head->process;
  bellglass_argument_count = (int)head->arguments;
  bellglass_arguments = arguments;
  return arguments;
}
