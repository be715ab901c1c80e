/* The interrupt table of a program that has none of its own, as docs/protocol.md has
 * it: the numbers are signals. */
#include <bellglass/signals.h>

/* What loops look at. */
volatile uint32_t bellglass_interrupt_word;

static const struct {
  uint32_t numbers;
  uint32_t *actions;
  uint32_t words;
  struct {
    volatile uint32_t *address;
    uint32_t mask, stride;
  } word[3];
} table = {
    .numbers = BELLGLASS_SIGNALS,
    .actions = bellglass_signals.action,
    .words = 3,
    .word = {{bellglass_signals.pending, 1, sizeof bellglass_signals.pending[0]},
             {&bellglass_signals.any, 1, 0},
             {&bellglass_interrupt_word, 1, 0}},
};

/* Asked by the compiler driver, which reads the constant. */
__attribute__((export_name("bellglass_interrupt_word"))) volatile uint32_t *bellglass_interrupt_word_address(void) {
  return &bellglass_interrupt_word;
}

/* Asked by the controller. */
const void *bellglass_interrupt_table(void) { return &table; }
