/* The calls that leave the guest and need nothing but a look at the signals that have
 * come: before a call that may wait, for what came earlier does not break it off, and
 * after each. The others are in the files of their subjects. */
#include "import.h"
#include "signals.h"

#define __PARAMETERS_0 void
#define __PARAMETERS_1 long a
#define __PARAMETERS_2 long a, long b
#define __PARAMETERS_3 long a, long b, long c
#define __PARAMETERS_4 long a, long b, long c, long d
#define __PARAMETERS_5 long a, long b, long c, long d, long e
#define __PARAMETERS_6 long a, long b, long c, long d, long e, long f

#define DEFINE_guest(name, count)
#define DEFINE_own(name, count)
#define DEFINE_waits(name, count)

#define DEFINE_plain(name, count) \
  IMPORT(name, count) \
  long __call_##name(__PARAMETERS_##count) { \
    long result = __external_##name(__GIVEN_##count); \
    look_at_signals(); \
    return result; \
  }

#define DEFINE_restarts(name, count) \
  IMPORT(name, count) \
  long __call_##name(__PARAMETERS_##count) { \
    long result; \
    do { \
      look_at_signals(); \
      result = __external_##name(__GIVEN_##count); \
    } while (begins_again(result, AFTER_RESTARTING)); \
    return result; \
  }

#define DEFINE(number, name, count, kind) DEFINE_##kind(name, count)
__ALL_CALLS(DEFINE)
