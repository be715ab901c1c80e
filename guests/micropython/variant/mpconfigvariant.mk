# One thread, no foreign functions; and the libraries that are other projects'
# sources, which Debian's package of this one leaves out.
MICROPY_PY_THREAD = 0
MICROPY_PY_FFI = 0
MICROPY_PY_BTREE = 0
MICROPY_PY_SSL = 0
MICROPY_PY_BLUETOOTH = 0

# Modules that would be frozen come from a library of their own, which is not
# in the source.
FROZEN_MANIFEST =
