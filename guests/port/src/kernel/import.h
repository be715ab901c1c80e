/* Declares the external call of a call that leaves the guest, as __external_NAME. */
#ifndef BELLGLASS_IMPORT_H
#define BELLGLASS_IMPORT_H
#include "syscall.h"

#define IMPORT(name, count) \
  long __external_##name(__WORDS_##count) __attribute__((import_module("linux"), import_name(#name)));

#endif
