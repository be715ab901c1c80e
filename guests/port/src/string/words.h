/* Eight bytes at any address, which WebAssembly reads and writes in one go. */
typedef unsigned long long word __attribute__((aligned(1), may_alias));
typedef unsigned half __attribute__((aligned(1), may_alias));

/* From this size on the instruction pays, whose call costs something. */
#define BULK 128
#define WITH_BULK_MEMORY __attribute__((target("bulk-memory")))
