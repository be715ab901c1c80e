/* Nothing is loaded at run time; the names are asked for by headers all the same. */
#define LDSO_ARCH "wasm32"
#define TPOFF_K 0
#define CRTJMP(place, stack) __builtin_trap()
