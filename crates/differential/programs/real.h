/* Numbers of 128 bits. In the guest that is what `long double` is, and its operations,
 * `strtold` and `printf` are what is tested. Elsewhere `long double` is another type: there
 * the operations are those of the compiler's own 128-bit numbers, and the texts are made and
 * read by whole numbers of any length, which cannot round. */
#include <float.h>

#define PLACES 113     /* bits of a number */
#define LEAST (-16494) /* the power of two of the smallest one's last bit */

#if LDBL_MANT_DIG == PLACES
typedef long double Real;
#else
typedef __float128 Real;
#endif

static Real from_parts(int negative, uint64_t high, uint64_t low, int power);

/* The 128 bits of a number; whether it is none is all that is said of what is none. */
static void say_real(Real value) {
  unsigned char bytes[16];
  memcpy(bytes, &value, sizeof bytes);
  if (value != value) {
    say(" nan");
    return;
  }
  say(" ");
  for (int at = 15; at >= 0; at--)
    say("%02x", bytes[at]);
}

static Real from_bits(uint64_t high, uint64_t low) {
  Real value;
  memcpy(&value, &low, 8);
  memcpy((char *)&value + 8, &high, 8);
  return value;
}

/* high:low are the bits of a whole number, below 2^113, times 2 to the power. */
static Real from_parts(int negative, uint64_t high, uint64_t low, int power) {
  uint64_t sign = (uint64_t)negative << 63;
  if (!high && !low)
    return from_bits(sign, 0);
  /* As a number with all its places, or the smallest power. */
  while (!(high >> 48) && power > LEAST) {
    high = high << 1 | low >> 63;
    low <<= 1;
    power--;
  }
  uint64_t exponent = high >> 48 ? (uint64_t)(power - LEAST + 1) : 0;
  if (exponent >= 0x7fff)
    return from_bits(sign | (uint64_t)0x7fff << 48, 0);
  return from_bits(sign | exponent << 48 | (high & 0xffffffffffff), low);
}

#if LDBL_MANT_DIG == PLACES

static Real real_of_text(const char *text) { return strtold(text, 0); }

static void text_of_real(char *text, size_t room, Real value, int digits) { snprintf(text, room, "%.*Le", digits, value); }

#else

/* Whole numbers, the lowest 32 bits first. */
#define WORDS 1700
typedef struct {
  unsigned count;
  uint32_t words[WORDS];
} Whole;

static void put_in(Whole *whole, uint32_t value) {
  whole->count = value != 0;
  whole->words[0] = value;
}

static void times(Whole *whole, uint32_t factor, uint32_t more) {
  uint64_t carry = more;
  for (unsigned at = 0; at < whole->count; at++) {
    carry += (uint64_t)whole->words[at] * factor;
    whole->words[at] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry)
    whole->words[whole->count++] = (uint32_t)carry;
}

static void times_power(Whole *whole, uint32_t factor, int power) {
  for (; power > 0; power--)
    times(whole, factor, 0);
}

static void shift(Whole *whole, int places) {
  unsigned whole_words = (unsigned)places / 32;
  if (!whole->count)
    return;
  memmove(whole->words + whole_words, whole->words, whole->count * sizeof(uint32_t));
  memset(whole->words, 0, whole_words * sizeof(uint32_t));
  whole->count += whole_words;
  times(whole, (uint32_t)1 << places % 32, 0);
}

static int compare(const Whole *one, const Whole *other) {
  if (one->count != other->count)
    return one->count < other->count ? -1 : 1;
  for (unsigned at = one->count; at-- > 0;)
    if (one->words[at] != other->words[at])
      return one->words[at] < other->words[at] ? -1 : 1;
  return 0;
}

/* The lower is taken from the higher. */
static void less(Whole *whole, const Whole *other) {
  int64_t borrow = 0;
  for (unsigned at = 0; at < whole->count; at++) {
    borrow += (int64_t)whole->words[at] - (at < other->count ? other->words[at] : 0);
    whole->words[at] = (uint32_t)borrow;
    borrow >>= 32;
  }
  while (whole->count && !whole->words[whole->count - 1])
    whole->count--;
}

static int bits_of(const Whole *whole) {
  if (!whole->count)
    return 0;
  return (int)whole->count * 32 - __builtin_clz(whole->words[whole->count - 1]);
}

/* Of decimal digits, perhaps with a point, and perhaps an exponent. */
static Real real_of_text(const char *text) {
  static Whole above, beneath;
  int negative = *text == '-', power = 0, point = 0;
  text += negative;
  put_in(&above, 0);
  put_in(&beneath, 1);
  for (; *text && *text != 'e'; text++) {
    if (*text == '.') {
      point = 1;
      continue;
    }
    times(&above, 10, (uint32_t)(*text - '0'));
    power -= point;
  }
  if (*text == 'e')
    power += atoi(text + 1);
  if (!above.count)
    return from_parts(negative, 0, 0, 0);
  times_power(power < 0 ? &beneath : &above, 10, power < 0 ? -power : power);
  /* So that the quotient has as many bits as a number has places, or one more. */
  int places = PLACES + bits_of(&beneath) - bits_of(&above);
  if (-places < LEAST)
    places = -LEAST;
  shift(places < 0 ? &beneath : &above, places < 0 ? -places : places);
  /* Bit by bit, from the highest that there can be. */
  unsigned __int128 quotient = 0;
  static Whole part;
  for (int bit = PLACES; bit >= 0; bit--) {
    part = beneath;
    shift(&part, bit);
    if (compare(&above, &part) >= 0) {
      less(&above, &part);
      quotient |= (unsigned __int128)1 << bit;
    }
  }
  int exponent = -places, sticky = 0;
  if (quotient >> PLACES) {
    /* One bit too many, which is the half, if the rest is nothing. */
    int half = (int)(quotient & 1), rest = above.count != 0;
    if (exponent + 1 >= LEAST) {
      quotient >>= 1;
      exponent++;
      if (half && (rest || quotient & 1))
        quotient++;
      sticky = 1;
    }
  }
  if (!sticky) {
    shift(&above, 1);
    int order = compare(&above, &beneath);
    if (order > 0 || (order == 0 && quotient & 1))
      quotient++;
  }
  if (quotient >> PLACES) {
    quotient >>= 1;
    exponent++;
  }
  return from_parts(negative, (uint64_t)(quotient >> 64), (uint64_t)quotient, exponent);
}

static void text_of_real(char *text, size_t room, Real value, int digits) {
  static Whole above, beneath, part;
  uint64_t high, low;
  memcpy(&low, &value, 8);
  memcpy(&high, (char *)&value + 8, 8);
  int negative = (int)(high >> 63), exponent = (int)(high >> 48 & 0x7fff);
  high &= 0xffffffffffff;
  if (exponent == 0x7fff) {
    snprintf(text, room, high || low ? "nan" : negative ? "-inf" : "inf");
    return;
  }
  int power = LEAST + (exponent ? exponent - 1 : 0);
  high |= exponent ? (uint64_t)1 << 48 : 0;
  put_in(&above, 0);
  put_in(&beneath, 1);
  above.count = 4;
  for (int at = 0; at < 2; at++) {
    above.words[at] = (uint32_t)(low >> 32 * at);
    above.words[at + 2] = (uint32_t)(high >> 32 * at);
  }
  while (above.count && !above.words[above.count - 1])
    above.count--;
  int is_zero = !above.count, decimal = 0;
  shift(power < 0 ? &beneath : &above, power < 0 ? -power : power);
  /* So that the quotient is from 1 to 10. */
  if (!is_zero) {
    decimal = (int)((bits_of(&above) - bits_of(&beneath)) * 0.30102999566398) - 2;
    times_power(decimal < 0 ? &above : &beneath, 10, decimal < 0 ? -decimal : decimal);
    for (part = beneath, times(&part, 10, 0); compare(&above, &part) >= 0; times(&part, 10, 0)) {
      times(&beneath, 10, 0);
      decimal++;
    }
    while (compare(&above, &beneath) < 0) {
      times(&above, 10, 0);
      decimal--;
    }
  }
  char all[200];
  for (int at = 0; at <= digits; at++) {
    all[at] = '0';
    while (compare(&above, &beneath) >= 0) {
      less(&above, &beneath);
      all[at]++;
    }
    times(&above, 10, 0);
  }
  /* What is left against the half, which is 5 of what comes next. */
  part = beneath;
  times(&part, 5, 0);
  int order = compare(&above, &part);
  if (!is_zero && (order > 0 || (order == 0 && all[digits] % 2))) {
    int at = digits;
    while (at >= 0 && all[at] == '9')
      all[at--] = '0';
    if (at >= 0) {
      all[at]++;
    } else {
      all[0] = '1';
      decimal++;
    }
  }
  snprintf(text, room, "%s%c%s%.*se%c%02d", negative ? "-" : "", all[0], digits ? "." : "", digits, all + 1, decimal < 0 ? '-' : '+',
           decimal < 0 ? -decimal : decimal);
}
#endif
