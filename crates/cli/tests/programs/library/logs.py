import logging, logging.config, logging.handlers, io, sys
logging.basicConfig(level=logging.DEBUG, format="%(levelname)-8s %(name)s %(filename)s:%(lineno)d %(funcName)s %(message)s")
log = logging.getLogger("a.b"); log.debug("debug %s %d", "x", 3); log.warning("warn"); logging.getLogger("a").setLevel(logging.ERROR); log.info("hidden")
def f():
    try: 1 / 0
    except ZeroDivisionError: log.exception("failed")
f(); log.error("bad format %d", "x")
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "formatters": {"s": {"format": "{levelname}|{message}", "style": "{"}}, "handlers": {"o": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "s"}, "f": {"class": "logging.handlers.RotatingFileHandler", "filename": "x.log", "maxBytes": 60, "backupCount": 2}}, "root": {"handlers": ["o", "f"], "level": "INFO"}})
for i in range(6): logging.warning("message number %d", i)
logging.shutdown(); import glob; print(sorted(glob.glob("x.log*")), open("x.log").read())
