#!/bin/sh
# SQLite's own configure and makefile, with the one argument. The amalgamation is
# made with the toolchain's Tcl.
set -eu

rm -rf sqlite
mkdir sqlite
cd sqlite
cp "$BELLGLASS_GUESTS/tools/tclsh" tclsh
chmod +x tclsh
# One thread.
TCLSH_CMD="$PWD/tclsh" CC="$BELLGLASS_COMMAND cc" "$BELLGLASS_SOURCES/sqlite/configure" -q \
  --disable-tcl --disable-readline --disable-shared --disable-threadsafe --disable-load-extension \
  CFLAGS="-O2"
# The generators of its parser and of its version are guests too.
export BELLGLASS_OPTIONS="--dir $PWD:rw --dir $BELLGLASS_SOURCES/sqlite"
make -s TCLSH_CMD="$PWD/tclsh" sqlite3.c
sh "$BELLGLASS_GUESTS/tools/sqlite-memory.sh" sqlite3.c
make -s TCLSH_CMD="$PWD/tclsh" sqlite3
mkdir -p "$BELLGLASS_OUT/files"
cp sqlite3 "$BELLGLASS_OUT/module.wasm"
