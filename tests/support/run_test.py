#!/usr/bin/python3
"""Runs one of the Python test files for CTest, and names what it skipped and why.

Exit code 77 (CTest: skipped) where nothing ran; under CI a skip is a failure, because CI installs every peer. A reason that
begins with "not applicable" is not a missing peer and is left alone.
"""

import os
import pathlib
import runpy
import sys
import unittest

NOTHING_RAN = 77


class Result(unittest.TextTestResult):
    succeeded = 0
    skips = []

    def addSuccess(self, test):
        super().addSuccess(test)
        Result.succeeded += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        Result.skips.append((test.id(), reason))


def main():
    script = pathlib.Path(sys.argv[1]).resolve()
    sys.argv = [str(script), *sys.argv[2:]]
    sys.path.insert(0, str(script.parent))
    unittest.TextTestRunner.resultclass = Result
    code = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        code = end.code
    missing = [(name, reason) for name, reason in Result.skips if not reason.startswith("not applicable")]
    for name, reason in missing:
        print(f"skipped: {script.stem} {name.removeprefix('__main__.')}: {reason}", flush=True)
    if code not in (0, None):
        return code if isinstance(code, int) else 1
    if missing and os.environ.get("CI"):
        print(f"{len(missing)} tests were skipped: under CI every peer must be there", file=sys.stderr)
        return 1
    return NOTHING_RAN if missing and Result.succeeded == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
