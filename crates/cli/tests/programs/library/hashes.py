import base64, binascii, hashlib, hmac, secrets, uuid, zlib
data = bytes(range(256)) * 100
for name in sorted(hashlib.algorithms_guaranteed):
    h = hashlib.new(name); h.update(data[:1000]); h.update(data[1000:])
    print(name, h.hexdigest(20) if name.startswith("shake") else h.hexdigest())
print(hmac.new(b"key", data, "sha256").hexdigest(), hmac.compare_digest(b"a", b"a"), hashlib.blake2b(data, digest_size=16, key=b"k", person=b"p").hexdigest())
print(base64.b64encode(data[:20]), base64.b32hexencode(b"hello"), base64.a85encode(b"hello world"), base64.b85encode(data[:9]), base64.urlsafe_b64decode(b"-_8="), binascii.crc32(data), zlib.adler32(data), binascii.hexlify(b"ab", "-"))
for bad in (lambda: base64.b64decode(b"abc"), lambda: base64.b32decode(b"a"), lambda: binascii.unhexlify("abc"), lambda: hashlib.new("md99")):
    try: bad()
    except ValueError as error: print(error)
print(uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"), uuid.uuid3(uuid.NAMESPACE_URL, "x"), uuid.uuid4().version, uuid.uuid4() != uuid.uuid4(), uuid.uuid1().version, len(secrets.token_bytes(20)), len(set(secrets.token_hex(8) for _ in range(50))))
