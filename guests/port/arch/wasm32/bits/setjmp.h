/* What src/setjmp/setjmp.c keeps; the rest is room. */
typedef unsigned long __jmp_buf[8];
