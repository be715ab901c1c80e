"""Runs CPython's own test runner (test.libregrtest) and writes down what becomes
of each test, one JSON object a line, as it happens: so that the record says, of a
run that ended in the middle, which test was under way.

    python -c "$(cat record.py)" RECORD-FILE OPTIONS-OF-REGRTEST...

The runner's own reports lack what is needed: JUnit's leaves out the failures of
sub-tests and of class set-ups, and neither is there after a crash.
"""

import importlib.util  # As runpy has it, which `python -m test` begins with.
import json
import os
import sys
import traceback
import unittest

# What follows is bound here, for tests replace these functions.
_open, _write, _dumps, _format = os.open, os.write, json.dumps, traceback.format_exception

# Characters of one traceback; the end of it says most.
_TEXT = 6000

# As `python -m test` has it: tests write modules there and import them.
sys.path[0] = os.getcwd()

_path = sys.argv.pop(1)
_descriptor = _open(_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)


def _record(**fields):
    global _descriptor
    line = _dumps(fields).encode("ascii") + b"\n"
    try:
        _write(_descriptor, line)
    except OSError:
        # A test has closed all descriptors.
        _descriptor = _open(_path, os.O_WRONLY | os.O_APPEND)
        _write(_descriptor, line)


def _text(error):
    try:
        return "".join(_format(*error))[-_TEXT:]
    except Exception as problem:
        return f"(the traceback cannot be formatted: {type(problem).__name__})"


def _name(test):
    # Errors of set-ups come with an object that has no such method.
    try:
        return str(test.id())
    except Exception:
        return str(test)


from test.libregrtest import main, single, testresult


class _Result(testresult.RegressionTestResult):
    def startTest(self, test):
        _record(event="start", test=_name(test))
        super().startTest(test)

    def addSuccess(self, test):
        _record(event="end", test=_name(test), outcome="passed")
        super().addSuccess(test)

    def addExpectedFailure(self, test, err):
        _record(event="end", test=_name(test), outcome="passed")
        super().addExpectedFailure(test, err)

    def addSkip(self, test, reason):
        test_case = getattr(test, "test_case", test)
        _record(event="end", test=_name(test_case), outcome="skipped", text=str(reason)[-_TEXT:])
        super().addSkip(test, reason)

    def addError(self, test, err):
        _record(event="end", test=_name(test), outcome="failed", text=_text(err))
        super().addError(test, err)

    def addFailure(self, test, err):
        _record(event="end", test=_name(test), outcome="failed", text=_text(err))
        super().addFailure(test, err)

    def addUnexpectedSuccess(self, test):
        _record(event="end", test=_name(test), outcome="failed", text="it succeeds, and CPython expects it to fail")
        super().addUnexpectedSuccess(test)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            where = subtest._subDescription()
            _record(event="end", test=_name(test), outcome="failed", text=f"{where}\n{_text(err)}")
        super().addSubTest(test, subtest, err)


testresult.RegressionTestResult = _Result


def _load_run_test(result, runtests, original=single._load_run_test):
    try:
        original(result, runtests)
    except unittest.SkipTest as reason:
        _record(event="file", text=str(reason)[-_TEXT:])
        raise
    except BaseException as error:
        _record(event="file", text=_text((type(error), error, error.__traceback__)))
        raise


def _run_single_test(test_name, runtests, original=main.run_single_test):
    result = original(test_name, runtests)
    _record(event="state", state=result.state)
    return result


single._load_run_test = _load_run_test
main.run_single_test = _run_single_test
main.main()
