"""Keys from passwords: PBKDF2 with each hash, scrypt, and what they refuse."""

import hashlib

for name in ("sha1", "sha224", "sha256", "sha384", "sha512", "SHA256"):
    print(name, hashlib.pbkdf2_hmac(name, b"password", b"salt", 1000).hex())
for password, salt, rounds, length in (
    (b"", b"", 1, 1), (b"x" * 64, b"y" * 51, 2, 64), (b"x" * 65, b"y" * 52, 3, 65), (b"x" * 300, b"y" * 300, 4, 200),
):
    print(hashlib.pbkdf2_hmac("sha256", password, salt, rounds, length).hex())
    print(hashlib.pbkdf2_hmac("sha512", memoryview(password), bytearray(salt), rounds, dklen=length).hex())
print(hashlib.scrypt(b"", salt=b"", n=16, r=1, p=1).hex())
print(hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64).hex())
print(hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride", n=2**14, r=8, p=1, dklen=10).hex())


def refused(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)


refused(hashlib.pbkdf2_hmac, "sha1", b"", b"", 0)
refused(hashlib.pbkdf2_hmac, "sha1", b"", b"", 1, 0)
refused(hashlib.pbkdf2_hmac, "sha1", "text", b"", 1)
refused(hashlib.scrypt, b"")
refused(hashlib.scrypt, b"", salt=b"", n=3, r=8, p=1)
refused(hashlib.scrypt, b"", salt=b"", n=16, r=0, p=1)
refused(hashlib.scrypt, b"", salt=b"", n=16, r=8, p=1, dklen=0)
refused(hashlib.scrypt, b"", salt=b"", n=16, r=8, p=1, maxmem=-1)
