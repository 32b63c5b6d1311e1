# docs/reference is generated from the command's declarations and from the tests, and is up to date.
import pathlib
import re
import subprocess
import sys
import unittest

import postroad

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"


class Reference(unittest.TestCase):
    def same(self, made, name):
        kept = (REFERENCE / name).read_text(encoding="utf-8")
        self.assertEqual(made, kept, f"docs/reference/{name} is not what ./dev docs makes today")

    def test_config(self):
        self.same(postroad.run("config", "reference").stdout, "config.md")

    def test_events(self):
        page = postroad.run("events").stdout
        self.same(page, "events.md")
        self.assertEqual([line for line in page.splitlines() if line.startswith("# ")], ["# Events"], "one title")
        names = re.findall(r"^## `(.*)`$", page, re.MULTILINE)
        self.assertEqual(sorted(names), sorted(set(names)), "each name is that of one event")

    def test_metrics(self):
        self.same(postroad.run("metrics").stdout, "metrics.md")

    def test_faults(self):
        made = subprocess.run([sys.executable, ROOT / "tools/docs/faults.py"], check=True, capture_output=True, text=True, timeout=60)
        self.same(made.stdout, "faults.md")

    def test_man(self):
        folder = self.enterContext(postroad.Folder())
        self.assertEqual(postroad.run("man", folder.path).returncode, 0)
        made = {path.name: path.read_text() for path in folder.path.iterdir()}
        self.assertEqual(sorted(made), sorted(path.name for path in (REFERENCE / "man").iterdir()))
        for name, text in made.items():
            self.same(text, f"man/{name}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
