#!/bin/sh
# Builds this version of CPython for this machine, with its own compiler. The
# cross build needs it for its last steps, and the tests compare with it. Its
# executable is "$BELLGLASS_WORK/build-python/python"; it has the modules whose
# headers this machine has.
set -eu

build="$BELLGLASS_WORK/build-python"
rm -rf "$build"
mkdir -p "$build"
cd "$build"
# It runs for some seconds only, so that compiling it well would take longer than it
# saves.
"$BELLGLASS_SOURCES/cpython/configure" -q --without-ensurepip \
  --enable-test-modules="$BELLGLASS_TEST_MODULES" \
  CC="${CC:-cc}" OPT="-DNDEBUG -O1"
make -s -j "$BELLGLASS_JOBS"
