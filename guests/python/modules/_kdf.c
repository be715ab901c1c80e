/* hashlib.pbkdf2_hmac and hashlib.scrypt, which CPython has from OpenSSL only, on
 * top of the hashes that CPython itself brings. Arguments, errors and results are
 * those of CPython's module _hashlib. */
#include "Python.h"

#include <stdint.h>
#include <string.h>

#include "_hacl/internal/Hacl_Hash_SHA1.h"
#include "_hacl/internal/Hacl_Hash_SHA2.h"

#define MAX_BLOCK 128
#define MAX_DIGEST 64

/* Iterations between two looks at signals. */
#define LOOK (1 << 16)

/* --- hashes, down to the compression of one block ------------------------ */

typedef union {
  uint32_t words[8];
  uint64_t long_words[8];
} state_t;

typedef struct {
  const char *name;
  size_t digest, block, word;
  void (*start)(state_t *);
  void (*compress)(state_t *, uint8_t *block);
} hash_t;

static void sha1_start(state_t *s) { Hacl_Hash_SHA1_init(s->words); }
static void sha1_compress(state_t *s, uint8_t *b) { Hacl_Hash_SHA1_update_multi(s->words, b, 1); }
static void sha224_start(state_t *s) { Hacl_Hash_SHA2_sha224_init(s->words); }
static void sha256_start(state_t *s) { Hacl_Hash_SHA2_sha256_init(s->words); }
static void sha256_compress(state_t *s, uint8_t *b) {
  Hacl_Hash_SHA2_sha256_update_nblocks(64, b, s->words);
}
static void sha384_start(state_t *s) { Hacl_Hash_SHA2_sha384_init(s->long_words); }
static void sha512_start(state_t *s) { Hacl_Hash_SHA2_sha512_init(s->long_words); }
static void sha512_compress(state_t *s, uint8_t *b) {
  Hacl_Hash_SHA2_sha512_update_nblocks(128, b, s->long_words);
}

static const hash_t hashes[] = {
    {"sha1", 20, 64, 4, sha1_start, sha1_compress},
    {"sha224", 28, 64, 4, sha224_start, sha256_compress},
    {"sha256", 32, 64, 4, sha256_start, sha256_compress},
    {"sha384", 48, 128, 8, sha384_start, sha512_compress},
    {"sha512", 64, 128, 8, sha512_start, sha512_compress},
};
static const hash_t *const sha256 = &hashes[2];

static const hash_t *find(const char *name) {
  for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
    if (!PyOS_stricmp(hashes[i].name, name))
      return &hashes[i];
  return NULL;
}

static void put_big_endian(uint8_t *to, uint64_t value, size_t bytes) {
  while (bytes--) {
    to[bytes] = (uint8_t)value;
    value >>= 8;
  }
}

/* Goes on with a state that has taken `before` bytes already, to the digest. */
static void finish(const hash_t *hash, state_t *state, uint64_t before, const uint8_t *text,
                   size_t length, uint8_t *digest) {
  uint8_t block[MAX_BLOCK];
  uint64_t total = before + length;
  for (; length >= hash->block; text += hash->block, length -= hash->block) {
    memcpy(block, text, hash->block);
    hash->compress(state, block);
  }
  memset(block, 0, sizeof block);
  if (length)
    memcpy(block, text, length);
  block[length] = 0x80;
  /* The length in bits stands in the last two words. */
  if (length >= hash->block - 2 * hash->word) {
    hash->compress(state, block);
    memset(block, 0, sizeof block);
  }
  put_big_endian(block + hash->block - 8, total * 8, 8);
  if (hash->word == 8)
    block[hash->block - 9] = (uint8_t)(total >> 61);
  hash->compress(state, block);
  for (size_t i = 0; i * hash->word < hash->digest; i++) {
    uint64_t word = hash->word == 4 ? state->words[i] : state->long_words[i];
    uint8_t bytes[8];
    size_t left = hash->digest - i * hash->word;
    put_big_endian(bytes, word, hash->word);
    memcpy(digest + i * hash->word, bytes, left < hash->word ? left : hash->word);
  }
}

/* --- HMAC, with the two blocks of the key done beforehand ----------------- */

typedef struct {
  const hash_t *hash;
  state_t inner, outer;
} hmac_t;

static void hmac_start(hmac_t *hmac, const hash_t *hash, const uint8_t *key, size_t length) {
  uint8_t short_key[MAX_BLOCK] = {0}, block[MAX_BLOCK];
  hmac->hash = hash;
  if (length > hash->block) {
    state_t state;
    hash->start(&state);
    finish(hash, &state, 0, key, length, short_key);
  } else if (length)
    memcpy(short_key, key, length);
  hash->start(&hmac->inner);
  for (size_t i = 0; i < hash->block; i++)
    block[i] = short_key[i] ^ 0x36;
  hash->compress(&hmac->inner, block);
  hash->start(&hmac->outer);
  for (size_t i = 0; i < hash->block; i++)
    block[i] = short_key[i] ^ 0x5c;
  hash->compress(&hmac->outer, block);
}

static void hmac(const hmac_t *key, const uint8_t *text, size_t length, uint8_t *digest) {
  uint8_t middle[MAX_DIGEST];
  state_t state = key->inner;
  finish(key->hash, &state, key->hash->block, text, length, middle);
  state = key->outer;
  finish(key->hash, &state, key->hash->block, middle, key->hash->digest, digest);
}

/* --- PBKDF2 (RFC 8018) ---------------------------------------------------- */

static int pbkdf2(const hash_t *hash, const Py_buffer *password, const uint8_t *salt,
                  size_t salt_length, long iterations, uint8_t *out, size_t length) {
  hmac_t key;
  hmac_start(&key, hash, password->buf, (size_t)password->len);
  uint8_t *salted = PyMem_Malloc(salt_length + 4);
  if (!salted) {
    PyErr_NoMemory();
    return -1;
  }
  if (salt_length)
    memcpy(salted, salt, salt_length);
  long since = 0;
  for (uint32_t number = 1; length; number++) {
    uint8_t last[MAX_DIGEST], sum[MAX_DIGEST];
    put_big_endian(salted + salt_length, number, 4);
    hmac(&key, salted, salt_length + 4, last);
    memcpy(sum, last, hash->digest);
    for (long i = 1; i < iterations; i++) {
      hmac(&key, last, hash->digest, last);
      for (size_t at = 0; at < hash->digest; at++)
        sum[at] ^= last[at];
      if (++since == LOOK) {
        since = 0;
        if (PyErr_CheckSignals() < 0) {
          PyMem_Free(salted);
          return -1;
        }
      }
    }
    size_t count = length < hash->digest ? length : hash->digest;
    memcpy(out, sum, count);
    out += count;
    length -= count;
  }
  PyMem_Free(salted);
  return 0;
}

PyDoc_STRVAR(pbkdf2_hmac_doc,
             "pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None)\n--\n\n"
             "Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as\n"
             "pseudorandom function.");

static PyObject *pbkdf2_hmac(PyObject *module, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"hash_name", "password", "salt", "iterations", "dklen", NULL};
  const char *name;
  Py_buffer password, salt;
  long iterations, length = 0;
  PyObject *given = Py_None, *result = NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "sy*y*l|O:pbkdf2_hmac", names, &name,
                                   &password, &salt, &iterations, &given))
    return NULL;
  const hash_t *hash = find(name);
  if (!hash)
    PyErr_Format(PyExc_ValueError, "unsupported hash type %s", name);
  else if (iterations < 1)
    PyErr_SetString(PyExc_ValueError, "iteration value must be greater than 0.");
  else {
    length = given == Py_None ? (long)hash->digest : PyLong_AsLong(given);
    if (length <= 0 && !PyErr_Occurred())
      PyErr_SetString(PyExc_ValueError, "key length must be greater than 0.");
  }
  if (!PyErr_Occurred())
    result = PyBytes_FromStringAndSize(NULL, length);
  if (result && pbkdf2(hash, &password, salt.buf, (size_t)salt.len, iterations,
                       (uint8_t *)PyBytes_AS_STRING(result), (size_t)length) < 0)
    Py_CLEAR(result);
  PyBuffer_Release(&password);
  PyBuffer_Release(&salt);
  return result;
}

/* --- scrypt (RFC 7914) ---------------------------------------------------- */

static uint32_t rotate(uint32_t value, int by) { return value << by | value >> (32 - by); }

/* The words are little-endian in memory, as wasm's are. */
static void salsa20_8(uint32_t block[16]) {
  uint32_t x[16];
  memcpy(x, block, sizeof x);
#define QUARTER(a, b, c, d)                                                   \
  x[b] ^= rotate(x[a] + x[d], 7), x[c] ^= rotate(x[b] + x[a], 9),             \
      x[d] ^= rotate(x[c] + x[b], 13), x[a] ^= rotate(x[d] + x[c], 18)
  for (int round = 0; round < 8; round += 2) {
    QUARTER(0, 4, 8, 12);
    QUARTER(5, 9, 13, 1);
    QUARTER(10, 14, 2, 6);
    QUARTER(15, 3, 7, 11);
    QUARTER(0, 1, 2, 3);
    QUARTER(5, 6, 7, 4);
    QUARTER(10, 11, 8, 9);
    QUARTER(15, 12, 13, 14);
  }
#undef QUARTER
  for (int i = 0; i < 16; i++)
    block[i] += x[i];
}

/* `words` is 32 * r words, and so is the room for the result. */
static void block_mix(const uint32_t *words, uint32_t *result, size_t r) {
  uint32_t x[16];
  memcpy(x, words + (2 * r - 1) * 16, sizeof x);
  for (size_t i = 0; i < 2 * r; i++) {
    for (int at = 0; at < 16; at++)
      x[at] ^= words[i * 16 + at];
    salsa20_8(x);
    memcpy(result + (i / 2 + i % 2 * r) * 16, x, sizeof x);
  }
}

static int ro_mix(uint32_t *words, uint32_t *other, uint32_t *table, uint64_t n, size_t r) {
  size_t length = 32 * r, since = 0;
  for (uint64_t i = 0; i < 2 * n; i++) {
    if (i < n)
      memcpy(table + i * length, words, length * 4);
    else {
      uint64_t j = words[(2 * r - 1) * 16] | (uint64_t)words[(2 * r - 1) * 16 + 1] << 32;
      const uint32_t *row = table + (j & (n - 1)) * length;
      for (size_t at = 0; at < length; at++)
        words[at] ^= row[at];
    }
    block_mix(words, other, r);
    memcpy(words, other, length * 4);
    since += r;
    if (since >= LOOK) {
      since = 0;
      if (PyErr_CheckSignals() < 0)
        return -1;
    }
  }
  return 0;
}

/* What OpenSSL takes when it is told of no limit. */
#define DEFAULT_MEMORY (32ull << 20)

/* Whether the memory that these need is within the limit; as OpenSSL counts. */
static int fits(uint64_t n, uint64_t r, uint64_t p, uint64_t limit) {
  if (p > ((1ull << 30) - 1) / r || (16 * r < 64 && n >= 1ull << (16 * r)))
    return 0;
  uint64_t blocks = p * 128 * r, row = 32 * r * 4;
  if (n + 2 > UINT64_MAX / row)
    return 0;
  uint64_t table = row * (n + 2);
  return blocks <= UINT64_MAX - table && blocks + table <= limit && blocks + table <= SIZE_MAX;
}

static PyObject *scrypt_of(const Py_buffer *password, const Py_buffer *salt, uint64_t n,
                           uint64_t r, uint64_t p, long length) {
  size_t block = 128 * (size_t)r, blocks = block * (size_t)p;
  uint8_t *mixed = PyMem_Malloc(blocks), *room = PyMem_Malloc(block * ((size_t)n + 2));
  PyObject *result = NULL;
  if (!mixed || !room)
    PyErr_NoMemory();
  else if (pbkdf2(sha256, password, salt->buf, (size_t)salt->len, 1, mixed, blocks) == 0) {
    uint32_t *words = (uint32_t *)room, *other = (uint32_t *)(room + block);
    int failed = 0;
    for (size_t i = 0; i < p && !failed; i++) {
      memcpy(words, mixed + i * block, block);
      failed = ro_mix(words, other, (uint32_t *)(room + 2 * block), n, (size_t)r);
      memcpy(mixed + i * block, words, block);
    }
    if (!failed)
      result = PyBytes_FromStringAndSize(NULL, length);
    if (result && pbkdf2(sha256, password, mixed, blocks, 1,
                         (uint8_t *)PyBytes_AS_STRING(result), (size_t)length) < 0)
      Py_CLEAR(result);
  }
  PyMem_Free(mixed);
  PyMem_Free(room);
  return result;
}

PyDoc_STRVAR(scrypt_doc,
             "scrypt(password, *, salt=None, n=None, r=None, p=None, maxmem=0, dklen=64)\n--\n\n"
             "scrypt password-based key derivation function.");

/* A whole number; 0 and an exception if it is none, is negative or too large. */
static uint64_t number(PyObject *object, const char *name) {
  if (!PyLong_Check(object)) {
    PyErr_Format(PyExc_TypeError, "%s is required and must be an unsigned int", name);
    return 0;
  }
  uint64_t value = PyLong_AsUnsignedLongLong(object);
  if (PyErr_Occurred()) {
    PyErr_Format(PyExc_TypeError, "%s is required and must be an unsigned int", name);
    return 0;
  }
  return value;
}

static PyObject *scrypt(PyObject *module, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"password", "salt", "n", "r", "p", "maxmem", "dklen", NULL};
  Py_buffer password, salt = {0};
  PyObject *given_n = Py_None, *given_r = Py_None, *given_p = Py_None, *result = NULL;
  long memory = 0, length = 64;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "y*|$y*OOOll:scrypt", names, &password,
                                   &salt, &given_n, &given_r, &given_p, &memory, &length))
    return NULL;
  uint64_t n = 0, r = 0, p = 0;
  if (!salt.obj)
    PyErr_SetString(PyExc_TypeError, "salt is required");
  else if (((n = number(given_n, "n")) < 2 || n & (n - 1)) && !PyErr_Occurred())
    PyErr_SetString(PyExc_ValueError, "n must be a power of 2.");
  if (!PyErr_Occurred() && !(r = number(given_r, "r")) && !PyErr_Occurred())
    PyErr_SetString(PyExc_ValueError, "Invalid parameter combination for n, r, p, maxmem.");
  if (!PyErr_Occurred() && !(p = number(given_p, "p")) && !PyErr_Occurred())
    PyErr_SetString(PyExc_ValueError, "Invalid parameter combination for n, r, p, maxmem.");
  if (!PyErr_Occurred() && memory < 0)
    PyErr_Format(PyExc_ValueError, "maxmem must be positive and smaller than %d", INT_MAX);
  if (!PyErr_Occurred() && length < 1)
    PyErr_Format(PyExc_ValueError, "dklen must be greater than 0 and smaller than %d", INT_MAX);
  if (!PyErr_Occurred() && (r > 1 << 30 || p > 1 << 30 ||
                            !fits(n, r, p, memory ? (uint64_t)memory : DEFAULT_MEMORY)))
    PyErr_SetString(PyExc_ValueError, "Invalid parameter combination for n, r, p, maxmem.");
  if (!PyErr_Occurred())
    result = scrypt_of(&password, &salt, n, r, p, length);
  PyBuffer_Release(&password);
  if (salt.obj)
    PyBuffer_Release(&salt);
  return result;
}

static PyMethodDef methods[] = {
    {"pbkdf2_hmac", (PyCFunction)(void (*)(void))pbkdf2_hmac, METH_VARARGS | METH_KEYWORDS,
     pbkdf2_hmac_doc},
    {"scrypt", (PyCFunction)(void (*)(void))scrypt, METH_VARARGS | METH_KEYWORDS, scrypt_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kdf",
    .m_doc = "Key derivation functions of the module hashlib.",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__kdf(void) { return PyModuleDef_Init(&definition); }
