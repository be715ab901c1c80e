#!/bin/sh
# Compiles CPython and its modules into libraries; "link" makes the guest.
set -eu

cd "$BELLGLASS_WORK/cross-python"
export PATH="$BELLGLASS_WORK/bin:$PATH"
export SOURCE_DATE_EPOCH="$BELLGLASS_SOURCE_DATE_EPOCH" PYTHONHASHSEED=0

# Asks CPython's own makefile what a program must be linked with. getpath.c is told
# where the source is, for programs that run in their build's folder.
cat > bellglass.mk << 'END'
include Makefile
Modules/getpath.o: VPATH = /usr/src/work/cpython
.PHONY: bellglass
bellglass: $(LIBRARY) $(MODLIBS_DEPS) pybuilddir.txt
	@printf '%s\n' '$(LIBRARY) $(MODLIBS) $(LIBS) $(SYSLIBS)' > bellglass.libs
	@printf '%s\n' '$(PY_CORE_CFLAGS)' > bellglass.cflags
END
make -s -j "$BELLGLASS_JOBS" -f bellglass.mk bellglass
# From 3.14 on there is a description of the build beside the library.
if grep -q '^build-details.json:' Makefile; then
  make -s build-details.json
fi
