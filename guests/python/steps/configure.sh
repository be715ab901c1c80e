#!/bin/sh
# Configures CPython for wasm.
set -eu

build="$BELLGLASS_WORK/cross-python"
prefix="$BELLGLASS_WORK/prefix"
rm -rf "$build"
mkdir -p "$build/Modules"
cp "$BELLGLASS_GUESTS/python/Setup.local" "$build/Modules/Setup.local"
cd "$build"
export PATH="$BELLGLASS_WORK/bin:$PATH"
export CONFIG_SITE="$BELLGLASS_GUESTS/python/config.site"

# Named here so that configure does not ask pkg-config.
for library in ZLIB:z BZIP2:bz2 LIBLZMA:lzma LIBZSTD:zstd LIBSQLITE3:sqlite3; do
  export "${library%%:*}_CFLAGS=-I$prefix/include" "${library%%:*}_LIBS=-L$prefix/lib -l${library#*:}"
done

machine=$(CC_FOR_BUILD=cc sh "$BELLGLASS_WORK/cpython/config.guess")
# shellcheck disable=SC2086 # the options are words
"$BELLGLASS_WORK/cpython/configure" -q --build="$machine" --host="$BELLGLASS_HOST" \
  --with-build-python="$BELLGLASS_WORK/build-python/python" --prefix=/usr/local \
  $BELLGLASS_CONFIGURE --enable-test-modules="$BELLGLASS_TEST_MODULES" \
  CC=bellglass-cc AR=bellglass-ar RANLIB=bellglass-ranlib NM=bellglass-nm \
  READELF=true PKG_CONFIG= CFLAGS="$BELLGLASS_CFLAGS" OPT="-DNDEBUG -Wall"
