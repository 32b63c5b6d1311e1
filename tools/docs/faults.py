#!/usr/bin/python3
"""Makes docs/reference/faults.md: for each known bug of SMTP software, the tests that guard against it.

The bugs are the table of tests/transcripts/guards.md. The tests name them: `guards:` lines of transcripts,
`TEST(Row8, …)` in C++, `row_8` or `Row8` in Python.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def table():
    """The row's number, slug and bug, in the order of the table."""
    text = (ROOT / "tests/transcripts/guards.md").read_text(encoding="utf-8")
    return [(int(row), slug, bug) for slug, row, bug in re.findall(r"^\| ([a-z0-9-]+) \| (\d+) \| (.*?) \|", text, re.MULTILINE)]


def guards(rows):
    found = {row: [] for row, _, _ in rows}
    by_slug = {slug: row for row, slug, _ in rows}

    def add(row, name):
        if row in found and name not in found[row]:
            found[row].append(name)

    for path in sorted((ROOT / "tests").rglob("*.smtp")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("guards:"):
                for slug in line.split()[1:]:
                    add(by_slug[slug], f"`{path.relative_to(ROOT)}`")
    for path in sorted([*(ROOT / "src").rglob("*_test.cpp"), *(ROOT / "tests").rglob("*.cpp")]):
        for row, test in re.findall(r"TEST(?:_F|_P)?\(Row(\d+)\w*, (\w+)\)", path.read_text(encoding="utf-8")):
            add(int(row), f"`{path.relative_to(ROOT)}` {test}")
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^\s*(?:class|def) (\w*[Rr]ow_?(\d+)\w*)", text, re.MULTILINE):
            add(int(match[2]), f"`{path.relative_to(ROOT)}` {match[1]}")
    return found


def main():
    rows = table()
    found = guards(rows)
    print("# Bugs that SMTP software has had, and the tests that guard against them here\n")
    print("Made by `./dev docs` from `tests/transcripts/guards.md` and the tests. A row without a test belongs to a part that is not built.\n")
    print("| row | guard | bug | guarded by |\n|---|---|---|---|")
    for row, slug, bug in rows:
        names = found[row]
        shown = "; ".join(names[:6]) + (f"; and {len(names) - 6} more" if len(names) > 6 else "")
        print(f"| {row} | {slug} | {bug} | {shown or '—'} |")


if __name__ == "__main__":
    main()
