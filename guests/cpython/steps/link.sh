#!/bin/sh
# Links the guest: CPython's libraries, our entry, as a reactor.
set -eu

cd "$BELLGLASS_WORK/cross-python"
export PATH="$BELLGLASS_WORK/bin:$PATH"
mkdir -p "$BELLGLASS_OUT"

for part in cpython/entry python/sharing; do
  bellglass-cc $BELLGLASS_CFLAGS -Wall -c "$BELLGLASS_GUESTS/$part.c" -o "bellglass_${part#*/}.o" \
    -I. -I"$BELLGLASS_GUESTS/python" -I"$BELLGLASS_WORK/cpython/Include" -I"$BELLGLASS_WORK/cpython/Include/internal"
done

# The shadow stack lies below the data, so that an overflow traps instead of
# overwriting it. The names of functions stay, for the report of a crash. A
# snapshot needs every global that changes; the stack pointer is the only one.
# shellcheck disable=SC2046 # the words of bellglass.libs are options and names
bellglass-cc -mexec-model=reactor $BELLGLASS_CFLAGS $BELLGLASS_LDFLAGS \
  -Wl,--stack-first -Wl,-z,stack-size="$BELLGLASS_STACK_SIZE" \
  -Wl,--export=malloc -Wl,--export=free -Wl,--export=__stack_pointer -Wl,--strip-debug \
  bellglass_entry.o bellglass_sharing.o $(cat bellglass.libs) -o "$BELLGLASS_OUT/module.wasm"
