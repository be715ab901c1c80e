/* Delegated: flock, which wasi-libc declares but does not have. */
#ifndef BELLGLASS_SYS_FILE_H
#define BELLGLASS_SYS_FILE_H
#include_next <sys/file.h>
#endif
