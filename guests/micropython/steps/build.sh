#!/bin/sh
# MicroPython's own makefile, with the one argument.
set -eu

rm -rf micropython
cp -a "$BELLGLASS_SOURCES/micropython" micropython
make -s -C micropython/ports/unix -j "$BELLGLASS_JOBS" \
  VARIANT_DIR="$BELLGLASS_GUESTS/micropython/variant" CC="$BELLGLASS_COMMAND cc --keep-roots" \
  STRIP="$BELLGLASS_COMMAND strip" SIZE=true
mkdir -p "$BELLGLASS_OUT/files"
cp micropython/ports/unix/build-variant/micropython "$BELLGLASS_OUT/module.wasm"
