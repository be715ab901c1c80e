#include <signal.h>

/* A guest has no registers that another could read. */
#define ELF_NGREG 4
#define ELF_NFPREG 4
typedef unsigned long elf_greg_t, elf_gregset_t[ELF_NGREG];
typedef struct {
  unsigned long __registers[ELF_NFPREG];
} elf_fpregset_t;
