def check(x):
    assert x > 10, f"{x = }"
    assert (x, "always true")
check(11)
check(x=2)
