/* Computed: the compiler makes setjmp and longjmp of wasm's exceptions, and
 * knows them by these two names only. There is no signal mask to keep: one that
 * is changed in a handler is put back when the handler is left, however. */
#ifndef BELLGLASS_SETJMP_H
#define BELLGLASS_SETJMP_H
#include_next <setjmp.h>
typedef jmp_buf bellglass_sigjmp_buf;
#define sigjmp_buf bellglass_sigjmp_buf
#define _setjmp(environment) setjmp(environment)
#define _longjmp(environment, value) longjmp(environment, value)
#define sigsetjmp(environment, save) ((void)(save), setjmp(environment))
#define siglongjmp(environment, value) longjmp(environment, value)
#endif
