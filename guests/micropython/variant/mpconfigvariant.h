// The standard variant as a guest. MicroPython takes a variant from outside of
// its source (VARIANT_DIR), so that nothing in the source changes.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#include "variants/mpconfigvariant_common.h"
