#!/bin/sh
# Makes the compiler driver in "$BELLGLASS_WORK/bin" and the library of our
# sysroot. The drivers are wrappers, not an installation: everything they name
# lies in the folders that the builder gives, so nothing needs root.
set -eu

bin="$BELLGLASS_WORK/bin"
lib="$BELLGLASS_WORK/sysroot/lib"
objects="$BELLGLASS_WORK/sysroot/objects"
rm -rf "$bin" "$BELLGLASS_WORK/sysroot"
mkdir -p "$bin" "$lib" "$objects"

# clang looks for its run-time library under the name of the target; the
# package has it under an older name.
clang="$BELLGLASS_TOOLCHAIN/usr/lib/llvm-19/lib/clang/19"
resources="$BELLGLASS_WORK/sysroot/clang"
mkdir -p "$resources/lib/wasm32-unknown-wasip1"
ln -s "$clang/include" "$resources/include"
ln -s "$clang/lib/wasi/libclang_rt.builtins-wasm32.a" \
  "$resources/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"

quote() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# The toolchain's own shared libraries are beside it, not in the system.
common="#!/bin/sh
toolchain=$(quote "$BELLGLASS_TOOLCHAIN")
guests=$(quote "$BELLGLASS_GUESTS")
lib=$(quote "$lib")
resources=$(quote "$resources")
for folder in \"\$toolchain\"/usr/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
llvm=\$toolchain/usr/lib/llvm-19/bin"

for tool in ar nm ranlib strip; do
  printf '%s\nexec "$llvm/llvm-%s" "$@"\n' "$common" "$tool" > "$bin/bellglass-$tool"
done

# What a compiler writes of the names of files must not tell where this build was.
folder=${BELLGLASS_WORK%/*}

# Our headers come before wasi-libc's. At a link, our library and wasi-libc's
# emulations follow the program's objects, and the functions on the delegated
# list, no others, may stay undefined.
cat > "$bin/bellglass-cc" << END
$common
link=yes
for argument; do
  case \$argument in
    -c | -E | -S | -M | -MM | -v | -V | -qversion | -version | --version | -print-* | --print-* | -dumpmachine) link=no ;;
  esac
done
if [ \$link = yes ]; then
  set -- "\$@" -L"\$lib" -Wl,--allow-undefined-file="\$guests/sysroot/delegated.txt" \\
    -lbellglass -lwasi-emulated-signal
fi
exec "\$llvm/clang" --target=wasm32-wasip1 --sysroot="\$toolchain/usr" \\
  -resource-dir "\$resources" \\
  -ffile-prefix-map=$(quote "$folder")=/usr/src -ffile-prefix-map="\$toolchain"=/usr/src/toolchain \\
  -fuse-ld="\$llvm/wasm-ld" -isystem "\$guests/sysroot/include" -D_WASI_EMULATED_SIGNAL \\
  -D_WASI_EMULATED_PROCESS_CLOCKS -Wno-unused-command-line-argument "\$@"
END

# A cross build must not see the libraries of this machine.
printf '#!/bin/sh\nexit 1\n' > "$bin/pkg-config"
chmod +x "$bin"/*

for source in "$BELLGLASS_GUESTS"/sysroot/lib/*.c; do
  name=$(basename "$source" .c)
  "$bin/bellglass-cc" -O2 -Wall -Wextra -D_GNU_SOURCE -c "$source" -o "$objects/$name.o"
done
"$bin/bellglass-ar" rcs "$lib/libbellglass.a" "$objects"/*.o

# wasi-libc's signals, but for what our library has in its place.
signals=libwasi-emulated-signal.a
cp "$BELLGLASS_TOOLCHAIN/usr/lib/wasm32-wasip1/$signals" "$lib/$signals"
"$bin/bellglass-ar" d "$lib/$signals" signal.o

# CPython's configure asks for these emulations of wasi-libc by name; getpid
# and the process clocks are delegated instead, so what it finds is empty.
: > "$objects/empty.c"
"$bin/bellglass-cc" -c "$objects/empty.c" -o "$objects/empty.o"
for name in wasi-emulated-getpid wasi-emulated-process-clocks; do
  "$bin/bellglass-ar" rcs "$lib/lib$name.a" "$objects/empty.o"
done
