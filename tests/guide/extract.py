#!/usr/bin/python3
"""Makes one program of the C++ blocks of Markdown pages, so that what the guides show is compiled and run.

usage: extract.py OUT.cpp PAGE.md…

A block that begins with ```cpp is the body of a function. In scope are `using namespace postroad`, the literals of chrono, a
testing::Server `server`, its `url`, a `message` and an Envelope `envelope` for that server; the current folder is empty and the
program's own. A block that begins with ```cpp top stands outside of functions, for the later blocks of its page. Lines with
#include are taken out to the front. What a reader need not see stands in comments of the page, behind their block:

  <!-- before: code -->   comes before it, within its function
  <!-- after: code -->    comes after it; CHECK(condition) fails the test

Compiler and CHECK name the page and its line.
"""

import pathlib
import re
import sys

HEAD = """\
// Made by tests/guide/extract.py.
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <cstdio>
#include <string>
{includes}

static int failures = 0;
static bool check(bool holds, const char* what, const char* file, int line) {{
  if (!holds) std::printf("%s:%d: does not hold: %s\\n", file, line, what), ++failures;
  return holds;
}}
#define CHECK(condition) check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
"""

BODY = """
static void {name}() {{
  using namespace postroad;
  using namespace std::chrono_literals;
  testing::Server server;
  const std::string url = server.url();
  const auto message = Message{{}}.from("me@example.org").to("you@example.net").subject("hi").text("hello");
  const Envelope envelope{{message.reverse_path(), message.recipients()}};
  {{
{before}
{body}
{after}
  }}
}}
"""

BLOCK = re.compile(r"^```cpp( top)?\n(.*?)^```$|<!-- (before|after):\s(.*?) -->", re.MULTILINE | re.DOTALL)


def at(text, position, page):
    return f'#line {text.count(chr(10), 0, position) + 1} "{page}"\n'


def without_includes(code, text, position, page, includes):
    lines = code.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("#include"):
            includes.append(line)
            lines[number] = ""
    return at(text, position, page) + "\n".join(lines)


def main():
    out, pages = pathlib.Path(sys.argv[1]), sys.argv[2:]
    includes, parts, names = [], [], []
    for page in pages:
        text = pathlib.Path(page).read_text(encoding="utf-8")
        shown = "/".join(pathlib.Path(page).parts[-3:])
        space = "page_" + re.sub(r"\W", "_", pathlib.Path(page).stem)
        parts.append(f"\nnamespace {space} {{\n")
        last = None
        for found in BLOCK.finditer(text):
            if found[3]:
                if last is None:
                    sys.exit(f"{shown}: a comment '{found[3]}' without a block")
                last[found[3]] += without_includes(found[4], text, found.start(4), shown, includes) + "\n"
                continue
            code = without_includes(found[2], text, found.start(2), shown, includes)
            if found[1]:
                parts.append("using namespace postroad;\n" + code)
                continue
            name = f"block_{len(names)}"
            names.append((f"{space}::{name}", shown, text.count("\n", 0, found.start(2)) + 1))
            last = {"name": name, "before": "", "body": code, "after": ""}
            parts.append(last)
        parts.append(f"\n}}  // namespace {space}\n")
    made = HEAD.format(includes="\n".join(dict.fromkeys(includes)))
    made += "".join(part if isinstance(part, str) else BODY.format(**part) for part in parts)
    made += "\nint main() {\n"
    for name, page, line in names:
        made += f'  std::printf("{page}:{line}\\n"), std::fflush(stdout), {name}();\n'
    made += f'  std::printf("{len(names)} blocks, %d failures\\n", failures);\n  return failures == 0 ? 0 : 1;\n}}\n'
    out.write_text(made, encoding="utf-8")


main()
