/* Computed: the compiler makes setjmp and longjmp of wasm's exceptions, and
 * knows them by these two names only. In the library: keeping a signal mask. */
#ifndef BELLGLASS_SETJMP_H
#define BELLGLASS_SETJMP_H
#include_next <setjmp.h>
#ifdef __cplusplus
extern "C" {
#endif
void bellglass_keep_mask(struct __jmp_buf_tag *, int);
void bellglass_siglongjmp(struct __jmp_buf_tag *, int) __attribute__((__noreturn__));
#ifdef __cplusplus
}
#endif
typedef jmp_buf bellglass_sigjmp_buf;
#define sigjmp_buf bellglass_sigjmp_buf
#define _setjmp(environment) setjmp(environment)
#define _longjmp(environment, value) longjmp(environment, value)
#define sigsetjmp(environment, save) (bellglass_keep_mask(environment, save), setjmp(environment))
#define siglongjmp(environment, value) bellglass_siglongjmp(environment, value)
#endif
