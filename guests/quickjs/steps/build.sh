#!/bin/sh
# QuickJS's own makefile, with the one argument. It runs its own compiler of
# JavaScript, a guest like the interpreter, on its files.
set -eu

rm -rf quickjs
cp -a "$BELLGLASS_SOURCES/quickjs" quickjs
# The makefile puts the compiler's name into a string, so it must be one word.
ln -sf "$BELLGLASS_COMMAND" bellglass-cc
BELLGLASS_OPTIONS="--dir $PWD/quickjs:rw" \
  make -s -C quickjs -j "$BELLGLASS_JOBS" qjs CC="$PWD/bellglass-cc"
mkdir -p "$BELLGLASS_OUT/files"
cp quickjs/qjs "$BELLGLASS_OUT/module.wasm"
