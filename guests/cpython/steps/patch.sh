#!/bin/sh
# Makes "$BELLGLASS_WORK/cpython": CPython's source with our modules and our
# patches, as few as can be; each says at its head why it is there. The build
# Python is made of the untouched source.
set -eu

source="$BELLGLASS_WORK/cpython"
rm -rf "$source"
cp -a "$BELLGLASS_SOURCES/cpython" "$source"
cp "$BELLGLASS_GUESTS"/python/modules/*.c "$source/Modules"
for patch in $BELLGLASS_PATCHES; do
  "$BELLGLASS_WORK/build-python/python" -B "$BELLGLASS_GUESTS/python/tools/patch.py" \
    "$source" "$BELLGLASS_GUESTS/cpython/patches/$patch"
done
