import warnings
def old():
    warnings.warn("old() is old", DeprecationWarning, stacklevel=2)
old()
warnings.warn("a user warning")
for _ in range(3):
    warnings.warn("once per place", RuntimeWarning)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    old()
print([str(w.message) for w in caught])
compile("'\\d'", "here.py", "exec")
1 is 1
warnings.simplefilter("error")
warnings.warn("now an error")
