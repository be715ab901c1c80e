#!/bin/sh
# Makes the guest's base files in "$BELLGLASS_OUT/files".
set -eu

mkdir -p "$BELLGLASS_OUT"
export SOURCE_DATE_EPOCH="$BELLGLASS_SOURCE_DATE_EPOCH" PYTHONHASHSEED=0
"$BELLGLASS_WORK/build-python/python" -B "$BELLGLASS_GUESTS/cpython/tools/stdlib.py" \
  "$BELLGLASS_WORK/cpython" "$BELLGLASS_WORK/cross-python" "$BELLGLASS_SOURCES/tzdata" \
  "$BELLGLASS_GUESTS/cpython" "$BELLGLASS_OUT"
