/* Nothing: longjmp is in setjmp.c. */
