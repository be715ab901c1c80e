/* What the compiler makes of setjmp and longjmp: it gives each place that setjmp is
 * called at a label, and each call of a function that has such places an identity. A
 * jump is an exception, which the function asks whether it is one of its own. */
#include <setjmp.h>
#include <stdint.h>

struct place {
  void *function;
  uint32_t label;
  /* What the exception carries. */
  struct {
    void *environment;
    int value;
  } thrown;
};
_Static_assert(sizeof(struct place) <= sizeof(__jmp_buf), "no room for a place");

/* The tag of the exception, as the compiler numbers it. */
#define LONGJMP_TAG 1

void __wasm_setjmp(void *environment, uint32_t label, void *function) {
  struct place *place = environment;
  place->function = function;
  place->label = label;
}

uint32_t __wasm_setjmp_test(void *environment, void *function) {
  const struct place *place = environment;
  return place->function == function ? place->label : 0;
}

void __wasm_longjmp(void *environment, int value) {
  struct place *place = environment;
  place->thrown.environment = environment;
  place->thrown.value = value ? value : 1;
  __builtin_wasm_throw(LONGJMP_TAG, &place->thrown);
}
