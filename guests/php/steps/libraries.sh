#!/bin/sh
# The C libraries that PHP's extensions are linked with, by their own makefiles and
# with the one argument, into "$BELLGLASS_WORK/prefix".
set -eu

prefix="$BELLGLASS_WORK/prefix"
rm -rf "$prefix" zlib sqlite
mkdir -p "$prefix/include" "$prefix/lib"

cp -a "$BELLGLASS_SOURCES/zlib" zlib
cd zlib
CC="$BELLGLASS_COMMAND cc" ./configure --static --prefix="$prefix"
make -s -j "$BELLGLASS_JOBS" libz.a
cp libz.a "$prefix/lib"
cp zlib.h zconf.h "$prefix/include"

# The amalgamation is made with the toolchain's Tcl. One thread.
mkdir ../sqlite
cd ../sqlite
cp "$BELLGLASS_GUESTS/tools/tclsh" tclsh
chmod +x tclsh
TCLSH_CMD="$PWD/tclsh" CC=cc "$BELLGLASS_SOURCES/sqlite/configure" -q --disable-tcl --disable-readline
make -s TCLSH_CMD="$PWD/tclsh" sqlite3.c sqlite3.h
sh "$BELLGLASS_GUESTS/tools/sqlite-memory.sh" sqlite3.c
"$BELLGLASS_COMMAND" cc -O2 -c sqlite3.c -o sqlite3.o \
  -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=2 \
  -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 \
  -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_COLUMN_METADATA
"$BELLGLASS_COMMAND" ar rcs "$prefix/lib/libsqlite3.a" sqlite3.o
cp sqlite3.h "$prefix/include"
