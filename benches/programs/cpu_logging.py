"""Records through the logging module, and formatted."""
import io
import logging
import time


def main():
    stream = io.StringIO()
    logger = logging.getLogger("bench")
    logger.handlers, logger.propagate = [logging.StreamHandler(stream)], False
    logger.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.setLevel(logging.INFO)
    for number in range(6000):
        logger.info("record %d of %s", number, "many")
        logger.debug("not shown %d", number)
    assert stream.getvalue().count("\n") == 6000


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
