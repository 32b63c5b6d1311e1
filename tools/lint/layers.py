#!/usr/bin/python3
"""The layer checker: reports each include that the layers of a file do not allow, and breaches of other project rules.

The build also refuses a wrong include (cmake/Layers.cmake); this names the rule that it breaks. Text only: nothing is run.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECLARATION = re.compile(r"^\s*postroad_layer\((\w+)(?: USES ([^)]*))?\)", re.MULTILINE)


def declared_layers():
    """The layers and what each may use, from their one declaration in CMakeLists.txt."""
    rows = DECLARATION.findall((ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    names = {name for name, _ in rows}
    return {name: [use for use in re.split("TESTING|PARTS", uses)[0].split() if use in names] for name, uses in rows}


USES = declared_layers()
ASIO = {"asio", "dns", "net", "client", "server", "relay", "http", "daemon", "cli"}
OPENSSL = {"crypto", "net"}
PUBLIC_ASIO = {"async.hpp"}
MOST_LINES = 450
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
BAD_FOLDERS = {"util", "utils", "common", "helpers", "misc"}


def check_includes(path, layer, lines, say):
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found[2]
        other = name.split("/")[0]
        if found[1] == '"' and other in USES and layer and other != layer and other not in USES[layer]:
            say(path, number, f"layer {layer} may not use layer {other}; it may use {', '.join(USES[layer]) or 'nothing'}")
        asio = name.startswith("boost/asio")
        openssl = name.startswith("openssl/")
        if layer and asio and layer not in ASIO:
            say(path, number, f"layer {layer} may not include Asio: that begins at layer 3 (dns, net)")
        if layer and openssl and (layer not in OPENSSL or path.suffix == ".hpp"):
            say(path, number, "OpenSSL is included in .cpp files of crypto and net only")
        if not layer and path.parent.name == "postroad" and (openssl or (asio and path.name not in PUBLIC_ASIO)):
            say(path, number, f"a public header may not show {name}")


def check_file(path, say):
    layer = path.relative_to(ROOT / "src").parts[0] if (ROOT / "src") in path.parents else None
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
    check_includes(path, layer, lines, say)


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
    print("\n".join(faults) if faults else "every file keeps to its layer")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
