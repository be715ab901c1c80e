import io, os, zipfile, zipimport, sys, shutil
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        info = zipfile.ZipInfo(f"d/k{kind}.txt", (2024, 1, 2, 3, 4, 6)); info.compress_type = kind; z.writestr(info, "text ☃ " * 100)
    z.writestr("pkg/__init__.py", "from .m import f\n"); z.writestr("pkg/m.py", "def f(): return __name__, __file__\n"); z.writestr("ünï.txt", b"\0" * 1000)
with zipfile.ZipFile("a.zip") as z:
    print(z.namelist(), z.testzip(), [(i.file_size, i.CRC, i.date_time) for i in z.infolist()[:4]], z.read("d/k14.txt")[:10]); z.extractall("out"); z.printdir if 0 else None
    with z.open("d/k8.txt") as f: f.seek(5); print(f.read(5))
    print(sorted(str(p) for p in zipfile.Path(z, "d/").iterdir()))
print(sorted(os.listdir("out/d")), os.path.getsize("out/ünï.txt")); sys.path.insert(0, "a.zip"); import pkg; print(pkg.f())
for bad in (lambda: zipfile.ZipFile("kept"), lambda: zipfile.ZipFile(io.BytesIO(b"junk")), lambda: zipfile.ZipFile("a.zip").read("none"), lambda: zipfile.ZipFile("a.zip").extract("none")):
    try: bad()
    except Exception as error: print(type(error).__name__, error)
with zipfile.ZipFile("evil.zip", "w") as z: z.writestr("../../evil.txt", "x"); z.writestr("/abs.txt", "y")
zipfile.ZipFile("evil.zip").extractall("evil"); print(sorted(os.listdir("evil")), os.path.exists("../evil.txt"))
shutil.make_archive("b", "zip", "out"); shutil.unpack_archive("b.zip", "back"); print(sorted(os.listdir("back")))
for name in ("out", "evil", "back"): shutil.rmtree(name)
for name in ("a.zip", "b.zip", "evil.zip"): os.remove(name)
