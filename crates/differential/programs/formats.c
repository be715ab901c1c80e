/* The same library compiled for two machines: what is printed, read and computed. There is no
 * system call in it; it finds faults of compilers and of what the port replaces.
 *
 * Left out: `%La` and `%a` of a long double, which write the same number in two ways, and the
 * functions of <math.h> for long double, which has other sizes on the two machines: see real.h
 * for what of it is compared. Whether something is no number is shown, and not which none it
 * is, for WebAssembly leaves that open. */
#include "common.h"
#include <arpa/inet.h>
#include <crypt.h>
#include <ctype.h>
#include <fnmatch.h>
#include <iconv.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>
#include <wctype.h>
#include "real.h"
#include "zones.h"

static void say_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value)
    say(" nan");
  else
    say(" %016llx", (unsigned long long)bits);
}

static void say_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value)
    say(" nan");
  else
    say(" %08x", bits);
}

/* A whole number of any length. */
static uint64_t some_bits(void) {
  uint64_t bits = next_random();
  return bits >> below(64);
}

/* One of the larger range now and then. */
static int some_exponent(int usual, int least, int most) {
  return chance(80) ? between(-usual, usual) : between(least, most);
}

static double some_double(void) {
  static const double special[] = {0, -0.0, 1, -1, 0.5, 1e308, -1e308, 5e-324, 2.2250738585072014e-308, 1e15, 123456789, 0.1, 1e22, 1e23, 9007199254740993, INFINITY, -INFINITY, NAN, 0.3, 2.5, 3.5};
  double value, factor;
  uint64_t bits = next_random();
  switch (below(5)) {
  case 0: return PICK(special);
  case 1: value = between(-1000000, 1000000); return value / between(1, 1000);
  case 2: return (double)(int64_t)bits;
  case 3: factor = PICK(((double[]){1, 10, 1e5, 1e-5})); return ((double)(bits >> 11) / 9007199254740992.0 - 0.5) * factor;
  default:
    memcpy(&value, &bits, sizeof value);
    return value;
  }
}

/* --- printf and scanf */

static void some_conversion(char *format, const char *length, const char *letters) {
  char *at = format;
  *at++ = '%';
  for (unsigned count = below(3); count > 0; count--)
    *at++ = PICK(((char[]){'-', '+', ' ', '#', '0'}));
  if (chance(40))
    at += sprintf(at, "%u", below(30));
  if (chance(50))
    at += sprintf(at, ".%u", below(chance(90) ? 20 : 400));
  at += sprintf(at, "%s%c", length, letters[below((unsigned)strlen(letters))]);
}

static void do_print(void) {
  char format[64], text[3000];
  int count = -7;
  switch (below(6)) {
  case 0: {
    static const char *const lengths[] = {"", "h", "hh", "j", "ll"};
    unsigned kind = below(COUNT(lengths));
    uint64_t value = some_bits();
    some_conversion(format, lengths[kind], "diuxXo");
    count = kind < 3 ? snprintf(text, sizeof text, format, (int)value) : snprintf(text, sizeof text, format, value);
    break;
  }
  case 1: case 2:
    some_conversion(format, "", "eEfFgGaA");
    count = snprintf(text, sizeof text, format, some_double());
    break;
  case 3:
    some_conversion(format, "L", "eEfFgG");
    /* Every double is a number of both. */
    count = snprintf(text, sizeof text, format, (long double)some_double());
    break;
  case 4: {
    static const char *const words[] = {"", "word", "a longer text than most", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"};
    some_conversion(format, "", "s");
    count = snprintf(text, sizeof text, format, PICK(words));
    break;
  }
  case 5: {
    static const wchar_t *const words[] = {L"", L"word", L"caf\u00e9 \u20ac \U0001f600"};
    some_conversion(format, "l", "s");
    count = snprintf(text, sizeof text, format, PICK(words));
    break;
  }
  }
  say("printf %s = %d", format, count);
  if (count >= 0)
    say(count < 60 ? " <%s>" : " <%.20s...>", text);
  if (count >= 60)
    say_bytes(text, strlen(text));
}

static void some_number_text(char *text) {
  char *at = text;
  if (chance(20))
    *at++ = ' ';
  if (chance(40))
    *at++ = PICK(((char[]){'-', '+'}));
  if (chance(6)) {
    strcpy(at, PICK(((const char *[]){"inf", "nan", "infinity", "NAN(12)", "0x", "e5", ".", "0x.p1", "--1"})));
    return;
  }
  if (chance(20)) {
    at += sprintf(at, "0x%" PRIx64, some_bits());
    if (chance(50))
      at += sprintf(at, ".%" PRIx64, next_random());
    if (chance(60))
      sprintf(at, "p%d", between(-1100, 1100));
    return;
  }
  for (unsigned count = below(chance(90) ? 12 : 60); count > 0; count--)
    *at++ = (char)('0' + below(10));
  if (chance(60)) {
    *at++ = '.';
    for (unsigned count = below(chance(90) ? 12 : 800); count > 0; count--)
      *at++ = (char)('0' + below(10));
  }
  *at = 0;
  if (chance(50))
    at += sprintf(at, "e%d", some_exponent(30, -400, 400));
  if (chance(10))
    strcpy(at, PICK(((const char *[]){"x", " 5", "e", "e+"})));
}

static void do_read_number(void) {
  char text[1000], *end;
  some_number_text(text);
  say("\"%.40s\"", text);
  errno = 0;
  switch (below(6)) {
  case 0: case 1:
    say(" strtod");
    say_double(strtod(text, &end));
    break;
  case 2:
    say(" strtof");
    say_float(strtof(text, &end));
    break;
  case 3: {
    int base = PICK(((int[]){0, 10, 16, 8, 2, 36, 1}));
    say(" strtoll %d", base);
    end = text;
    say(" %lld", (long long)strtoll(text, &end, base));
    break;
  }
  case 4: {
    int base = PICK(((int[]){0, 10, 16, 8, 2, 36}));
    say(" strtoull %d", base);
    end = text;
    say(" %llu", (unsigned long long)strtoull(text, &end, base));
    break;
  }
  default: {
    double value = 7;
    float other = 7;
    int whole = 7, length = -1;
    char rest[20] = "";
    say(" sscanf %d", sscanf(text, "%lf%n%5f%d%19[^0-5]", &value, &length, &other, &whole, rest));
    say_double(value);
    say_float(other);
    say(" %d %d %s", whole, length, rest);
    return;
  }
  }
  say(" %d", (int)(end - text));
  /* From where on a number of sixteen's powers is told to be too small depends in musl on the
   * length of a long double. */
  if (!strchr(text, 'x'))
    say(" %s", errno ? error_name(errno) : "");
}

static void do_scan(void) {
  static const char *const formats[] = {"%d %d %s", "%x,%o", "%3d%3d%3d", "%[a-z]%*[^0-9]%d", "%i:%i", "%hhd %hd %lld", "%c%5c%n", "%%%d", " %s %n%d", "%2$d %1$d"};
  static const char *const texts[] = {"12 34 word", "ff,17", "123456789", "abc, 55", "0x1f:017", "300 70000 99999999999999", "xyzabc123", "%5", "  word 9", "1 2", "", "abc"};
  unsigned format = below(COUNT(formats));
  const char *text = PICK(texts);
  /* Room for whatever is read, and of each kind. */
  union {
    long long number;
    char text[64];
  } into[4];
  memset(into, 0, sizeof into);
  say("sscanf \"%s\" \"%s\" = %d", formats[format], text, sscanf(text, formats[format], &into[0], &into[1], &into[2], &into[3]));
  say_bytes(into, sizeof into);
}

/* --- numbers of 128 bits */

static Real some_real(void) {
  static const int exponents[] = {0, 1, 2, 0x3fff, 0x3ffe, 0x4000, 0x7ffe, 0x3fff + 112, 0x3fff + 113, 0x3fff - 112, 0x3fff + 52, 0x3fff + 63, 0x3fff + 31};
  uint64_t high = next_random(), low = next_random(), sign = high & (uint64_t)1 << 63;
  int exponent = chance(40) ? PICK(exponents) : chance(80) ? 0x3fff + between(-120, 120) : between(0, 0x7fff);
  if (chance(20))
    low = PICK(((uint64_t[]){0, 1, UINT64_MAX, (uint64_t)1 << 63}));
  if (chance(20))
    high = PICK(((uint64_t[]){0, 1, UINT64_MAX}));
  if (exponent == 0x7fff)
    high = low = 0;
  return from_bits(sign | (uint64_t)exponent << 48 | (high & 0xffffffffffff), low);
}

static void do_real(void) {
  static char text[400];
  volatile Real one = some_real(), other = some_real();
  switch (below(9)) {
  case 0: say("add"); say_real(one); say_real(other); say(" ="); say_real(one + other); break;
  case 1: say("take"); say_real(one); say_real(other); say(" ="); say_real(one - other); break;
  case 2: say("times"); say_real(one); say_real(other); say(" ="); say_real(one * other); break;
  case 3: say("over"); say_real(one); say_real(other); say(" ="); say_real(one / other); break;
  case 4:
    if (chance(20))
      other = chance(50) ? one : -one;
    say("compare"); say_real(one); say_real(other);
    say(" = %d%d%d%d%d", one < other, one <= other, one == other, one >= other, one > other);
    break;
  case 5: {
    say("to others"); say_real(one);
    say_double((double)one);
    say_float((float)one);
    /* Only where it fits: what else happens is left open. */
    if (one > -2147483648.0 && one < 2147483647.0)
      say(" %d", (int)one);
    if (one > -1 && one < 4294967295.0)
      say(" %u", (unsigned)one);
    if (one > -9223372036854775808.0 && one < 9223372036854774784.0)
      say(" %lld", (long long)one);
    if (one > -1 && one < 18446744073709549568.0)
      say(" %llu", (unsigned long long)one);
    break;
  }
  case 6: {
    uint64_t bits = some_bits();
    float narrow;
    uint32_t narrow_bits = (uint32_t)next_random();
    memcpy(&narrow, &narrow_bits, sizeof narrow);
    say("from others %llx", (unsigned long long)bits);
    say_real((Real)(int32_t)bits);
    say_real((Real)(uint32_t)bits);
    say_real((Real)(int64_t)bits);
    say_real((Real)bits);
    say_real((Real)some_double());
    say_real((Real)narrow);
    break;
  }
  case 7: {
    int digits = between(0, chance(80) ? 40 : 150);
    say("print"); say_real(one);
    text_of_real(text, sizeof text, one, digits);
    say(" %s", text);
    break;
  }
  default: {
    char *at = text;
    if (chance(50))
      *at++ = '-';
    for (unsigned count = 1 + below(chance(90) ? 40 : 120); count > 0; count--)
      *at++ = (char)('0' + below(10));
    *at++ = '.';
    for (unsigned count = 1 + below(chance(90) ? 20 : 120); count > 0; count--)
      *at++ = (char)('0' + below(10));
    sprintf(at, "e%d", some_exponent(50, -5000, 4900));
    say("read %.50s", text); say_real(real_of_text(text));
    break;
  }
  }
}

/* --- mathematics */

static void do_mathematics(void) {
  static const struct {
    const char *name;
    double (*function)(double);
  } of_one[] = {{"sin", sin}, {"cos", cos}, {"tan", tan}, {"asin", asin}, {"acos", acos}, {"atan", atan}, {"sinh", sinh}, {"cosh", cosh},
                {"tanh", tanh}, {"asinh", asinh}, {"acosh", acosh}, {"atanh", atanh}, {"exp", exp}, {"exp2", exp2}, {"expm1", expm1},
                {"log", log}, {"log2", log2}, {"log10", log10}, {"log1p", log1p}, {"sqrt", sqrt}, {"cbrt", cbrt}, {"erf", erf}, {"erfc", erfc},
                {"tgamma", tgamma}, {"lgamma", lgamma}, {"floor", floor}, {"ceil", ceil}, {"trunc", trunc}, {"round", round}, {"rint", rint},
                {"nearbyint", nearbyint}, {"logb", logb}, {"j0", j0}, {"y1", y1}, {"exp10", exp10}, {"fabs", fabs}};
  static const struct {
    const char *name;
    double (*function)(double, double);
  } of_two[] = {{"pow", pow}, {"atan2", atan2}, {"fmod", fmod}, {"remainder", remainder}, {"hypot", hypot}, {"fdim", fdim}, {"fmax", fmax},
                {"fmin", fmin}, {"copysign", copysign}, {"nextafter", nextafter}};
  static const struct {
    const char *name;
    float (*function)(float);
  } of_floats[] = {{"sinf", sinf}, {"cosf", cosf}, {"tanf", tanf}, {"expf", expf}, {"logf", logf}, {"sqrtf", sqrtf}, {"cbrtf", cbrtf},
                   {"atanf", atanf}, {"tgammaf", tgammaf}, {"erff", erff}, {"log2f", log2f}, {"exp2f", exp2f}, {"roundf", roundf}};
  volatile double one = some_double(), other = some_double();
  switch (below(7)) {
  case 0: case 1: {
    unsigned kind = below(COUNT(of_one));
    say("%s", of_one[kind].name); say_double(one); say(" ="); say_double(of_one[kind].function(one));
    break;
  }
  case 2: {
    unsigned kind = below(COUNT(of_two));
    say("%s", of_two[kind].name); say_double(one); say_double(other); say(" =");
    /* Which of two zeros or none is told by these is left open. */
    double value = of_two[kind].function(one, other);
    if (value == 0 && (of_two[kind].function == fmax || of_two[kind].function == fmin))
      value = 0;
    say_double(value);
    break;
  }
  case 3: {
    unsigned kind = below(COUNT(of_floats));
    volatile float narrow = (float)one;
    say("%s", of_floats[kind].name); say_float(narrow); say(" ="); say_float(of_floats[kind].function(narrow));
    break;
  }
  case 4: {
    int exponent = 0;
    double whole = 0;
    volatile double fraction = frexp(one, &exponent);
    say("parts"); say_double(one); say(" ="); say_double(fraction);
    if (isfinite(one))
      say(" %d", exponent);
    say_double(modf(one, &whole)); say_double(whole);
    exponent = between(-2100, 2100);
    say(" ldexp %d", exponent); say_double(ldexp(one, exponent));
    break;
  }
  case 5: {
    volatile double third = some_double();
    say("fma"); say_double(one); say_double(other); say_double(third); say(" ="); say_double(fma(one, other, third));
    break;
  }
  case 6:
    say("to whole"); say_double(one);
    if (one > -2147483648.0 && one < 2147483647.0)
      say(" = %ld %ld %d", lrint(one), lround(one), (int)one);
    if (one > -9.2e18 && one < 9.2e18)
      say(" = %lld %lld %lld", llrint(one), llround(one), (long long)one);
    if (one > -1 && one < 1.8e19)
      say(" = %llu", (unsigned long long)one);
    say_float((float)one);
    break;
  }
}

/* --- times: as texts they are in dates.c */

static void say_parts(const struct tm *parts) {
  say(" %d-%d-%d %d:%d:%d w%d y%d dst%d off%ld %s", parts->tm_year, parts->tm_mon, parts->tm_mday, parts->tm_hour, parts->tm_min, parts->tm_sec,
      parts->tm_wday, parts->tm_yday, parts->tm_isdst, (long)parts->tm_gmtoff, parts->tm_zone ? parts->tm_zone : "-");
}

static void do_time(void) {
  const char *zone = PICK(zones);
  struct tm parts;
  long long moment = some_moment();
  time_t when = (time_t)moment;
  setenv("TZ", zone, 1);
  tzset();
  switch (below(4)) {
  case 0:
    say("localtime %s %lld", zone, moment);
    errno = 0;
    if (!localtime_r(&when, &parts))
      say(" = %s", error_name(errno));
    else
      say_parts(&parts);
    break;
  case 1: {
    memset(&parts, 0, sizeof parts);
    parts.tm_year = between(-200, 400), parts.tm_mon = between(-20, 20), parts.tm_mday = between(-40, 60);
    parts.tm_hour = between(-30, 50), parts.tm_min = between(-70, 130), parts.tm_sec = between(-70, 130);
    if (chance(50))
      gmtime_r(&when, &parts);
    parts.tm_isdst = between(-1, 1);
    parts.tm_gmtoff = 0, parts.tm_zone = 0;
    say("mktime %s", zone);
    say_parts(&parts);
    say(" = %lld", (long long)(chance(70) ? mktime(&parts) : timegm(&parts)));
    say_parts(&parts);
    break;
  }
  default: {
    static const char *const pairs[][2] = {{"%Y-%m-%d %H:%M:%S", "2024-02-30 23:59:60"}, {"%d %b %y", "1 Mar 68"}, {"%j %Y", "366 2023"}, {"%I:%M %p", "12:05 AM"}, {"%s", "86399"}, {"%a, %d %B %Y %T %z", "Tue, 5 November 2013 01:02:03 +0130"}, {"%D", "13/01/99"}, {"%R%n%t%%", "23:59  %"}, {"%C%y", "1999"}, {"%U %w", "12 3"}, {"%Q", "x"}, {"%e%H", " 7 8"}};
    unsigned which = below(COUNT(pairs));
    memset(&parts, 0, sizeof parts);
    char *end = strptime(pairs[which][1], pairs[which][0], &parts);
    say("strptime %s %s = %d", pairs[which][0], pairs[which][1], end ? (int)(end - pairs[which][1]) : -1);
    say_parts(&parts);
    break;
  }
  }
}

/* --- texts */

static void do_text(void) {
  static const char *const texts[] = {"", "abc", "a b c", "caf\xc3\xa9", "\xf0\x9f\x98\x80 x", "\xff\xfe", "file.tar.gz", "aaaaab", "x=1;y=2", "1.10.2", "[a]{2}"};
  static const char *const patterns[] = {"a*", "(a|b)+c?", "[[:alpha:]]+", "^x=([0-9]+);y=(.)$", "a\\{2,3\\}", "\\(", ".", "[^a-c]", "*.gz", "?b*", "[!a]*", "(a*)*b", "\xc3\xa9$", ""};
  const char *text = PICK(texts), *pattern = PICK(patterns);
  switch (below(8)) {
  case 0: {
    regex_t expression;
    regmatch_t matches[4];
    int flags = PICK(((int[]){REG_EXTENDED, 0, REG_EXTENDED | REG_ICASE, REG_EXTENDED | REG_NEWLINE}));
    int result = regcomp(&expression, pattern, flags);
    say("regex %s %s %d = %d", pattern, text, flags, result);
    if (result)
      return;
    result = regexec(&expression, text, 4, matches, 0);
    say(" %d", result);
    for (unsigned at = 0; !result && at < 4 && at <= expression.re_nsub; at++)
      say(" %d-%d", (int)matches[at].rm_so, (int)matches[at].rm_eo);
    regfree(&expression);
    break;
  }
  case 1:
    say("fnmatch %s %s = %d", pattern, text, fnmatch(pattern, text, PICK(((int[]){0, FNM_PATHNAME, FNM_PERIOD, FNM_CASEFOLD}))));
    break;
  case 2: {
    wchar_t wide[40];
    char back[200];
    mbstate_t state = {0};
    const char *from = text;
    size_t count = mbsrtowcs(wide, &from, COUNT(wide), &state);
    say("wide %d", (int)count);
    if (count == (size_t)-1)
      return;
    for (size_t at = 0; at < count; at++)
      say(" %x:%d%d%d:%x", (unsigned)wide[at], iswalpha((wint_t)wide[at]) != 0, iswspace((wint_t)wide[at]) != 0, wcwidth(wide[at]), (unsigned)towupper((wint_t)wide[at]));
    say(" %d", (int)wcstombs(back, wide, sizeof back));
    break;
  }
  case 3: {
    static const char *const sets[] = {"UTF-8", "UTF-16LE", "UTF-32BE", "ISO-8859-1", "WINDOWS-1252", "SHIFT_JIS", "GB18030", "KOI8-R", "ASCII", "EUC-KR", "BIG5", "NO-SUCH"};
    char input[60], output[300], *from = input, *to = output;
    size_t left = below(20), room = sizeof output;
    for (size_t at = 0; at < left; at++)
      input[at] = (char)(chance(70) ? 32 + below(95) : below(256));
    const char *one = PICK(sets), *other = PICK(sets);
    iconv_t converter = iconv_open(other, one);
    say("iconv %s to %s", one, other);
    if (converter == (iconv_t)-1) {
      say(" = %s", error_name(errno));
      return;
    }
    long result = (long)iconv(converter, &from, &left, &to, &room);
    say(" = %s %u", result < 0 ? error_name(errno) : "ok", (unsigned)left);
    say_bytes(output, (size_t)(to - output));
    iconv_close(converter);
    break;
  }
  case 4: {
    static const char *const addresses[] = {"127.0.0.1", "::1", "fe80::1:2", "1.2.3", "256.1.1.1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4", "x", "1:2:3:4:5:6:7:8:9", "0x7f.1"};
    unsigned char bytes[16] = {0};
    char back[60];
    const char *address = PICK(addresses);
    int family = chance(50) ? AF_INET : AF_INET6, result = inet_pton(family, address, bytes);
    say("address %s %d = %d", address, family == AF_INET, result);
    say_bytes(bytes, 16);
    if (result == 1)
      say(" %s", inet_ntop(family, bytes, back, sizeof back));
    break;
  }
  case 5: {
    const char *other = PICK(texts);
    say("compare %s %s = %d %d %d %d", text, other, (strcmp(text, other) > 0) - (strcmp(text, other) < 0), (strverscmp(text, other) > 0) - (strverscmp(text, other) < 0),
        (strcasecmp(text, other) > 0) - (strcasecmp(text, other) < 0), strstr(text, other) ? (int)(strstr(text, other) - text) : -1);
    say(" %d %d", (int)strspn(text, other), (int)strcspn(text, other));
    break;
  }
  case 6: {
    static const char *const salts[] = {"$5$rounds=1000$salt$", "$6$rounds=1000$salt$", "$1$salt$", "ab", "$2a$04$abcdefghijklmnopqrstuu", "*"};
    if (chance(80))
      return;
    const char *result = crypt(text, PICK(salts));
    say("crypt = %s", result ? result : "nothing");
    break;
  }
  default: {
    unsigned short seeds[3] = {(unsigned short)below(65536), 7, 5};
    unsigned one = below(1000000);
    srand(one);
    srandom(one);
    say("random %d %ld %d", rand(), random(), rand_r(&one));
    say_double(erand48(seeds));
    say(" %ld", (long)jrand48(seeds));
    break;
  }
  }
}

static int by_number(const void *one, const void *other) {
  int a = *(const int *)one, b = *(const int *)other;
  return a < b ? -1 : a > b;
}

static void do_sort(void) {
  int list[200], count = (int)below(200);
  for (int at = 0; at < count; at++)
    list[at] = between(-50, 50);
  qsort(list, (size_t)count, sizeof *list, by_number);
  int key = between(-60, 60), *found = bsearch(&key, list, (size_t)count, sizeof *list, by_number);
  say("sort %d found %d", count, found ? *found == key : -1);
  say_bytes(list, (size_t)count * sizeof *list);
}

static void operate(void) {
  unsigned kind = below(100);
  if (kind < 22)
    do_print();
  else if (kind < 36)
    do_read_number();
  else if (kind < 40)
    do_scan();
  else if (kind < 60)
    do_real();
  else if (kind < 75)
    do_mathematics();
  else if (kind < 88)
    do_time();
  else if (kind < 97)
    do_text();
  else
    do_sort();
}

int main(int count, char **words) {
  static const Program program = {60, 0, operate, 0};
  setlocale(LC_ALL, "C.UTF-8");
  return run(&program, count, words);
}
