/* The name of UTC, by itself: wasi-libc has it in a file together with what
 * time_zones.c stands for, and a program that asks for UTC only needs no zones. */
#include "zones.h"

const char __utc[] = "UTC";
