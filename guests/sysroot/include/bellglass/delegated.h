/* How a function leaves the guest.
 *
 * A function that wasi-libc lacks is simply declared in one of these headers
 * and named in ../../delegated.txt: the linker turns it into the import
 * `env.NAME`, which the cell forwards as an external call.
 *
 * A function that wasi-libc has, but only as a stub which answers without
 * asking anybody (chmod, statvfs, accept's address...), must be kept away from
 * that stub: BELLGLASS_DELEGATED gives the C name to the import instead.
 */
#ifndef BELLGLASS_DELEGATED_H
#define BELLGLASS_DELEGATED_H

#define BELLGLASS_DELEGATED(name)                                             \
  __asm__("bellglass_call_" #name)                                            \
  __attribute__((__import_module__("env"), __import_name__(#name)))

/* The same for a function that our own small library (../../lib) answers in
 * front of wasi-libc's. */
#define BELLGLASS_LIBRARY(name) __asm__("bellglass_" #name)

#endif
