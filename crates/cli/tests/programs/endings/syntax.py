def f():
    print("never")
    return (1 +
x = 3 $ 4
