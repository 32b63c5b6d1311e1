#!/usr/bin/python3
"""Compiles, with the flags of each layer, a file that asks for a header of every other layer: found are those that CMakeLists.txt
lists for it, and no other. Then checks that a dropped Result is an error. Arguments: source folder, build folder."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
SOURCE, BUILD = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
sys.path.insert(0, str(SOURCE / "tools/lint"))
from layers import USES  # noqa: E402  the declaration in CMakeLists.txt, as the checker reads it


def commands_of_layers():
    """One compile command per layer that this build has: the flags of a layer's own sources, not of its tests."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8")):
        target = re.search(r"CMakeFiles/layer_(\w+)\.dir/", entry["command"])
        if target and target[1] in USES:
            found.setdefault(target[1], entry)
    return found


def header_of(layer):
    """A header of the layer as its neighbors include it; None where the layer has none."""
    source = SOURCE / "src"
    headers = [path.relative_to(source).as_posix() for path in (source / layer).rglob("*.hpp") if path.name != "pch.hpp"]
    return min(headers, default=None)


HEADERS = {layer: header for layer in USES if (header := header_of(layer))}


def compile_probe(entry, text, *more):
    words = shlex.split(entry["command"])
    compiler = next(word for word in words if re.search(r"(clang|g)\+\+", word) and "=" not in word)
    flags = [word for word in words if re.match(r"-(I|std=|D)", word)]
    isystem = [word for at, word in enumerate(words) if word == "-isystem" or (at and words[at - 1] == "-isystem")]
    command = [compiler, *flags, *isystem, *more, "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=entry["directory"])


def check_layer(layer, entry):
    """The headers that the layer finds, from one compilation: an error names each header that it can or cannot include against the list."""
    lines = []
    for other, header in HEADERS.items():
        may = other == layer or other in USES[layer]
        lines.append(f'#if {"!" if may else ""}__has_include("{header}")')
        lines.append(f'#error {layer} {"cannot include" if may else "can include"} {other}')
        lines.append("#endif")
    done = compile_probe(entry, "\n".join(lines))
    return re.findall(r"error: (.*)", done.stderr) if done.returncode else []


def check_that_a_wrong_include_fails(layer, entry):
    """The same once more without __has_include: a file that breaks the rule does not compile, one that keeps to it does."""
    wrong = next((other for other in HEADERS if other != layer and other not in USES[layer]), None)
    if wrong is None:
        return []
    done = compile_probe(entry, f'#include "{HEADERS[wrong]}"\n')
    if done.returncode == 0:
        return [f"{layer} compiles with a header of {wrong}"]
    return [] if "not found" in done.stderr or "No such file" in done.stderr else [f"{layer}: {done.stderr}"]


DROPPED = """#include <postroad/result.hpp>
postroad::Result<void> work();
void call() { work(); }
"""


def check_results(entry):
    """A dropped Result is a warning, and warnings are errors in this project."""
    kept = compile_probe(entry, DROPPED.replace("work(); }", "(void)work(); }"), "-Werror=unused-result")
    problems = [] if kept.returncode == 0 else [f"a Result that is dropped on purpose: {kept.stderr}"]
    dropped = compile_probe(entry, DROPPED, "-Werror=unused-result")
    if dropped.returncode == 0 or "nodiscard" not in dropped.stderr:
        problems.append(f"a dropped Result compiles {dropped.stderr}")
    return problems


def main():
    commands = commands_of_layers()
    problems = []
    for layer, entry in commands.items():
        problems += check_layer(layer, entry) + check_that_a_wrong_include_fails(layer, entry)
    if commands:
        problems += check_results(next(iter(commands.values())))
    else:
        problems.append("this build has no layers")
    print("\n".join(problems) if problems else f"{len(commands)} layers include what they may, and nothing else")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
