/* musl's own, and what only programs that handle signals need: the compiler driver has
 * each turn of their loops look at a word, and call bellglass_interrupted if it is set. */
#include "src/signal/sigaction.c"

#include <bellglass/signals.h>

/* Not there in a program that has an interrupt table of its own. */
extern volatile uint32_t bellglass_interrupt_word weak;

__attribute__((used)) static void look(void) __asm__("bellglass_look");
static void look(void) {
  if (&bellglass_interrupt_word)
    bellglass_interrupt_word = 0;
  bellglass_take_signals();
}

/* Called from the midst of any function, which may keep up to 128 bytes below the
 * stack pointer without saying so. */
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype bellglass_look () -> ()\n"
        ".section .text.bellglass_interrupted,\"\",@\n"
        ".globl bellglass_interrupted\n"
        ".type bellglass_interrupted,@function\n"
        "bellglass_interrupted:\n"
        ".functype bellglass_interrupted () -> ()\n"
        ".export_name bellglass_interrupted, bellglass_interrupted\n"
        "global.get __stack_pointer\n"
        "i32.const 128\n"
        "i32.sub\n"
        "global.set __stack_pointer\n"
        "call bellglass_look\n"
        "global.get __stack_pointer\n"
        "i32.const 128\n"
        "i32.add\n"
        "global.set __stack_pointer\n"
        "end_function\n");
