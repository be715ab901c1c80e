#!/bin/sh
# Makes "$BELLGLASS_WORK/bin": the compiler driver's tools under names of one
# word, for configure and makefiles that look for them on the PATH.
set -eu

bin="$BELLGLASS_WORK/bin"
rm -rf "$bin"
mkdir -p "$bin"
for tool in ar nm ranlib strip; do
  ln -s "$BELLGLASS_COMMAND" "$bin/bellglass-$tool"
done
# What a compiler writes of the names of files must not tell where this build was.
cat > "$bin/bellglass-cc" << END
#!/bin/sh
exec "\$BELLGLASS_COMMAND" cc -ffile-prefix-map="\${BELLGLASS_WORK%/*}"=/usr/src \\
  -ffile-prefix-map="\$BELLGLASS_TOOLCHAIN"=/usr/src/toolchain "\$@"
END

# A cross build must not see the libraries of this machine.
printf '#!/bin/sh\nexit 1\n' > "$bin/pkg-config"
chmod +x "$bin/bellglass-cc" "$bin/pkg-config"

# The C libraries come later and are made in parallel: the first use of the
# compiler, which may have to make its sysroot, is here.
"$bin/bellglass-cc" --version
