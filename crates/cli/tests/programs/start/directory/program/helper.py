def work(count):
    print("helper", __name__, count)
    if count:
        work(count - 1)
    else:
        raise ValueError("at the bottom")
