#!/usr/bin/python3
"""Writes each C++ program of the guide into a file of its own, exactly as the page shows it.

usage: extract.py FOLDER PAGE.md…

A program is a block that begins with ```cpp. The line above the block names it: <!-- program: NAME -->. The file
is FOLDER/NAME.cpp; empty lines in front of the program give it the line numbers of the page. Prints the names, one
per line. A block without a name and a name that is used twice are errors.
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^(?:<!-- program: (\w+) -->\n)?```cpp.*\n((?:.*\n)*?)```$", re.MULTILINE)


def write(file, text):
    """Leaves a file that has not changed alone, so that it is not compiled again."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    page_of = {}
    for page in sys.argv[2:]:
        text = pathlib.Path(page).read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            name, program = block[1], block[2]
            lines = text.count("\n", 0, block.start(2))
            if not name:
                sys.exit(f"{page}:{lines}: the C++ block has no name: write <!-- program: NAME --> above it")
            if name in page_of:
                sys.exit(f"{page}:{lines}: {page_of[name]} has a program {name} already")
            page_of[name] = page
            write(folder / f"{name}.cpp", "\n" * lines + program)
    for old in folder.glob("*.cpp"):
        if old.stem not in page_of:
            old.unlink()
    print("\n".join(page_of))


main()
