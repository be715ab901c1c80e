#: line = ["archive.py"]
# A program in a zip file, made and then run by itself.
import os, runpy, sys, zipfile
with zipfile.ZipFile("program.pyz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("__main__.py", "import inner, sys\nprint(__file__, __name__, sys.argv)\ninner.f()\n")
    archive.writestr("inner.py", "def f():\n    print(__file__)\n    raise RuntimeError('from the archive')\n")
try:
    runpy.run_path("program.pyz", run_name="__main__")
except RuntimeError as error:
    import traceback
    traceback.print_exc()
os.remove("program.pyz")
