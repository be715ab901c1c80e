# What is left behind is compared as well.
import os, pathlib
pathlib.Path("made/deep").mkdir(parents=True)
for n in range(5): pathlib.Path(f"made/deep/file{n}.txt").write_text(f"content {n}\n" * n)
pathlib.Path("made/ünï ☃ 名.bin").write_bytes(bytes(range(256)) * 20)
os.symlink("deep/file1.txt", "made/link"); os.mkdir("made/empty")
pathlib.Path("made/deep/file3.txt").rename("made/three.txt"); os.remove("made/deep/file4.txt")
