#!/usr/bin/python3
"""The floor checker: says in words where a file includes what its floor may not, and what else the house does not have.

The build refuses a wrong include by itself (cmake/Floors.cmake); this says which rule it broke. Text only: nothing is run.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
USES = {
    "base": [],
    "observe": ["base"],
    "config": ["base"],
    "crypto": ["base"],
    "mail": ["base"],
    "proto": ["base", "crypto", "mail"],
    "dkim": ["base", "crypto", "mail"],
    "spool": ["base", "observe", "config"],
    "net": ["base", "observe", "config", "crypto", "mail", "proto"],
    "client": ["base", "observe", "config", "crypto", "mail", "proto", "net"],
    "server": ["base", "observe", "config", "crypto", "mail", "proto", "net"],
    "relay": ["base", "observe", "config", "crypto", "mail", "dkim", "proto", "spool", "net", "client", "server"],
    "web": ["base", "observe", "crypto", "proto", "net", "server"],
    "cli": ["base", "observe", "config", "crypto", "mail", "dkim", "proto", "spool", "net", "client", "server", "relay", "web"],
}
ASIO = {"net", "client", "server", "relay", "web", "cli"}
OPENSSL = {"crypto", "net"}
PUBLIC_ASIO = {"async.hpp"}
MOST_LINES = 450
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
BAD_FOLDERS = {"util", "utils", "common", "helpers", "misc"}


def check_includes(path, floor, lines, say):
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found[2]
        other = name.split("/")[0]
        if found[1] == '"' and other in USES and floor and other != floor and other not in USES[floor]:
            say(path, number, f"floor {floor} may not use floor {other}; it may use {', '.join(USES[floor]) or 'nothing'}")
        asio = name.startswith("boost/asio")
        openssl = name.startswith("openssl/")
        if floor and asio and floor not in ASIO:
            say(path, number, f"floor {floor} may not include Asio: that begins at net")
        if floor and openssl and (floor not in OPENSSL or path.suffix == ".hpp"):
            say(path, number, "OpenSSL is included in .cpp files of crypto and net only")
        if not floor and path.parent.name == "postroad" and (openssl or (asio and path.name not in PUBLIC_ASIO)):
            say(path, number, f"a public header may not show {name}")


def check_file(path, say):
    floor = path.relative_to(ROOT / "src").parts[0] if (ROOT / "src") in path.parents else None
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].startswith("//"):
        say(path, 1, "a file opens with some lines that say what it is and what it is not")
    if path.suffix == ".hpp" and "#pragma once" not in lines:
        say(path, 1, "a header needs #pragma once")
    if len(lines) > MOST_LINES:
        say(path, len(lines), f"more than {MOST_LINES} lines: does this file do one job?")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            say(path, number, "unfinished: finish it, or write an issue")
    check_includes(path, floor, lines, say)


def main():
    faults = []

    def say(path, line, sentence):
        faults.append(f"{path.relative_to(ROOT)}:{line}: {sentence}")

    for folder in ("src", "include", "tests", "bench", "fuzz", "examples"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_dir() and path.name in BAD_FOLDERS:
                say(path, 0, "a folder is named after what it holds")
            if path.suffix in (".cpp", ".hpp"):
                check_file(path, say)
    print("\n".join(faults) if faults else "every file keeps to its floor")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
