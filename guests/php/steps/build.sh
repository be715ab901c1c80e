#!/bin/sh
# PHP's own configure and makefile, with the one argument. The probes of configure
# run in cells, and see the folder of the build.
set -eu
export SOURCE_DATE_EPOCH="$BELLGLASS_SOURCE_DATE_EPOCH"
prefix="$BELLGLASS_WORK/prefix"

rm -rf php
mkdir php
cd php
# The makefile splits the compiler at its blanks, and libtool takes one word.
ln -sf "$BELLGLASS_COMMAND" bellglass-cc
# PHP keeps the name of the system that it was built on, and of the machine. Of this
# machine it is to know no more than what system it has.
mkdir bin
printf '#!/bin/sh\ncase $* in "" | -a) exec echo Linux ;; esac\nexec %s "$@"\n' "$(command -v uname)" >bin/uname
chmod +x bin/uname
export PATH="$PWD/bin:$PATH"

# This machine's pkg-config knows this machine's libraries. Fibers need a header of
# their own; see there.
BELLGLASS_OPTIONS="--dir $PWD:rw" CC="$PWD/bellglass-cc" CFLAGS=-O2 \
  CPPFLAGS="-I$BELLGLASS_GUESTS/php/include" PKG_CONFIG=false \
  ZLIB_CFLAGS="-I$prefix/include" ZLIB_LIBS="-L$prefix/lib -lz" \
  SQLITE_CFLAGS="-I$prefix/include" SQLITE_LIBS="-L$prefix/lib -lsqlite3" \
  "$BELLGLASS_SOURCES/php/configure" -q \
  --disable-all --disable-cgi --disable-phpdbg --disable-opcache --without-pcre-jit \
  --disable-fiber-asm --without-valgrind --disable-rpath \
  --enable-bcmath --enable-calendar --enable-ctype --enable-exif --enable-fileinfo --enable-filter \
  --with-iconv --enable-mbstring --disable-mbregex --enable-pcntl --enable-pdo --with-pdo-sqlite \
  --enable-phar --enable-posix --enable-session --with-sqlite3 --enable-tokenizer --with-zlib
make -s -j "$BELLGLASS_JOBS" cli
mkdir -p "$BELLGLASS_OUT/files"
cp sapi/cli/php "$BELLGLASS_OUT/module.wasm"
