# `./dev` and `.ci/run`: what is wrong is said before anything is built, and a phase that failed is named at the end.
import pathlib
import shutil
import unittest

import postroad

STUB = """#!/bin/sh
case "$*" in
  "lint --text") echo "a word is wrong"; exit 1 ;;
  test) echo "12 passed, 0 failed" ;;
  "test --sanitize asan") echo "5 passed, 0 failed, 2 skipped" ;;
esac
"""

BUILD_THAT_FAILS = """set -euo pipefail
. tools/dev/test.sh
for name in say need need_peers packages_of_tests; do eval "$name() { cat >/dev/null; }"; done
select_tests() { echo a_test; }
targets_of() { echo a_test; }
test_table() { echo "a_test unit a_test"; }
build() { return 1; }
run_ctest() { echo "the programs of an earlier build were run"; }
clang_version=
test_chosen release a_test </dev/null || echo failed
test_label release unit </dev/null || echo failed
"""


class Dev(unittest.TestCase):
    def test_no_test_runs_after_a_build_that_failed(self):
        done = postroad.run_program("bash", "-c", BUILD_THAT_FAILS, cwd=postroad.ROOT)
        self.assertEqual(done.stdout, "failed\nfailed\n", done.stderr)

    def test_fuzz_takes_a_number(self):
        for word in ("spool_fuzz", "0", "-1", "1.5"):
            done = postroad.run_program(postroad.ROOT / "dev", "fuzz", word)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertIn(f"but no '{word}'; for example ./dev fuzz 30 spool_fuzz", done.stderr)
        done = postroad.run_program(postroad.ROOT / "dev", "fuzz", "30", "spool")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no fuzz target 'spool'; they are: address_list_fuzz", done.stderr)

    def test_ci_names_the_phases_that_failed(self):
        folder = pathlib.Path(self.enterContext(postroad.Folder()).path)
        (folder / ".ci").mkdir()
        shutil.copy(postroad.ROOT / ".ci/run", folder / ".ci/run")
        (folder / "dev").write_text(STUB)
        (folder / "dev").chmod(0o755)
        done = postroad.run_program(folder / ".ci/run")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-3:], ["17 passed, 2 failed", "FAILED: ./dev lint --text",
                                                         "FAILED: ./dev test --sanitize asan (tests were skipped)"])
        (folder / "dev").write_text("#!/bin/sh\n")
        done = postroad.run_program(folder / ".ci/run")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "0 passed, 0 failed"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
