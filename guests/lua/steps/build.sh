#!/bin/sh
# Lua's own makefile, with the one argument.
set -eu

rm -rf lua
cp -a "$BELLGLASS_SOURCES/lua" lua
make -s -C lua -j "$BELLGLASS_JOBS" linux CC="$BELLGLASS_COMMAND cc"
mkdir -p "$BELLGLASS_OUT/files"
cp lua/src/lua "$BELLGLASS_OUT/module.wasm"
