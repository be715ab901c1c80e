#!/bin/sh
# Builds the C libraries that CPython's modules need, as static wasm libraries,
# into "$BELLGLASS_WORK/prefix".
set -eu

bin="$BELLGLASS_WORK/bin"
prefix="$BELLGLASS_WORK/prefix"
build="$BELLGLASS_WORK/libraries"
rm -rf "$prefix" "$build"
mkdir -p "$prefix/include" "$prefix/lib" "$build"
export PATH="$bin:$PATH"
export SOURCE_DATE_EPOCH="$BELLGLASS_SOURCE_DATE_EPOCH"
CFLAGS=$BELLGLASS_CFLAGS

# compile LIBRARY FLAGS FILE... : the files into lib/LIBRARY.
compile() {
  library=$1
  flags=$2
  shift 2
  mkdir "$build/$library"
  # shellcheck disable=SC2086 # flags are words
  printf '%s\n' "$@" | (cd "$build/$library" && xargs -P "$BELLGLASS_JOBS" -I '{}' \
    sh -c 'name=$(printf %s "$1" | tr / _); shift; exec bellglass-cc "$@" -o "${name%.c}.o"' \
    sh '{}' $CFLAGS $flags -c '{}')
  bellglass-ar rcs "$prefix/lib/$library" "$build/$library"/*.o
}

make_zlib() {
  source="$BELLGLASS_SOURCES/zlib"
  cd "$source"
  compile libz.a "-DHAVE_UNISTD_H -I." "$source/adler32.c" "$source/compress.c" \
    "$source/crc32.c" "$source/deflate.c" "$source/infback.c" "$source/inffast.c" \
    "$source/inflate.c" "$source/inftrees.c" "$source/trees.c" "$source/uncompr.c" \
    "$source/zutil.c"
  cp "$source/zlib.h" "$source/zconf.h" "$prefix/include"
}

# Without its programs.
make_bzip2() {
  source="$BELLGLASS_SOURCES/bzip2"
  compile libbz2.a "-D_FILE_OFFSET_BITS=64" "$source/blocksort.c" "$source/bzlib.c" \
    "$source/compress.c" "$source/crctable.c" "$source/decompress.c" \
    "$source/huffman.c" "$source/randtable.c"
  cp "$source/bzlib.h" "$prefix/include"
}

# Its configure decides a lot, so let it.
make_xz() {
  mkdir "$build/xz"
  cd "$build/xz"
  machine=$(CC_FOR_BUILD=cc sh "$BELLGLASS_SOURCES/xz/build-aux/config.guess")
  "$BELLGLASS_SOURCES/xz/configure" -q --build="$machine" --host="$BELLGLASS_HOST" --prefix="$prefix" \
    --disable-shared --enable-threads=no --disable-nls --disable-doc --disable-scripts \
    --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links \
    --enable-sandbox=no CC=bellglass-cc AR=bellglass-ar RANLIB=bellglass-ranlib \
    NM=bellglass-nm STRIP=bellglass-strip CFLAGS="$CFLAGS"
  make -s -j "$BELLGLASS_JOBS" -C src/liblzma install
}

# One thread, and none of the code for formats before 1.0.
make_zstd() {
  source="$BELLGLASS_SOURCES/zstd/lib"
  compile libzstd.a "-DXXH_NAMESPACE=ZSTD_ -DZSTD_DISABLE_ASM" \
    "$source"/common/*.c "$source"/compress/*.c "$source"/decompress/*.c "$source"/dictBuilder/*.c
  cp "$source/zstd.h" "$source/zstd_errors.h" "$source/zdict.h" "$prefix/include"
}

# The amalgamation is made with this machine's compiler and the toolchain's Tcl, then
# compiled once.
make_sqlite() {
  mkdir "$build/sqlite"
  cd "$build/sqlite"
  cp "$BELLGLASS_GUESTS/tools/tclsh" tclsh
  chmod +x tclsh
  TCLSH_CMD="$PWD/tclsh" CC=cc "$BELLGLASS_SOURCES/sqlite/configure" -q --disable-tcl --disable-readline
  make -s TCLSH_CMD="$PWD/tclsh" sqlite3.c sqlite3.h
  sh "$BELLGLASS_GUESTS/tools/sqlite-memory.sh" sqlite3.c
  # One thread, no shared libraries. Locks as elsewhere, and not by lock files, as SQLite
  # would have it on WASI: these would keep the program's own second connection out. The rest
  # are the features that Python programs expect.
  bellglass-cc $CFLAGS -c sqlite3.c -o sqlite3.o \
    -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DEFAULT_UNIX_VFS='"unix"' \
    -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 \
    -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_GEOPOLY \
    -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_COLUMN_METADATA \
    -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_DESERIALIZE \
    -DSQLITE_MAX_VARIABLE_NUMBER=250000 -DSQLITE_TEMP_STORE=2
  bellglass-ar rcs "$prefix/lib/libsqlite3.a" sqlite3.o
  cp sqlite3.h "$BELLGLASS_SOURCES/sqlite/src/sqlite3ext.h" "$prefix/include"
}

for library in $BELLGLASS_LIBRARIES; do
  (make_"$library")
done
