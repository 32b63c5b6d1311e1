#!/usr/bin/python3
"""Checks the language of comments, string literals and documents against a short list of words (docs/glossary.md has the
terms that replace them). Text only: nothing is run. Usage: words.py [FILE...]; without files, the whole tree.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What is banned, and what to write instead. Matched against comments, string literals and Markdown, never against code.
BANNED = [
    (r"\bfloors?\b", "layer"),
    (r"\banew\b", "again"),
    (r"\bbegets?\b", "produces"),
    (r"\bin vain\b", "without success"),
    (r"\bmend(s|ed|ing)?\b", "fix, repair"),
    (r"\bgoes round\b", "mail loop"),
    (r"\bthe line (broke|breaks|is broken)\b", "the connection was lost"),
    (r"\bhears? so\b", "receives the reply"),
    (r"\bwhat it hears\b", "the reply it receives"),
    (r"\bin clear\b", "in plaintext, without TLS"),
    (r"\bmay stand several times\b", "may be repeated"),
    (r"\b[Ww]eakens:", "insecure:"),
    (r"\basks no DNS\b", "makes no DNS queries"),
    (r"\bestate\b", "handover state"),
    (r"\bagenda\b", "schedule"),
    (r"\bcarefully\b", "name what is done"),
    (r"\bthe house\b", "the project"),
    (r"(?:^|[.:;] )(?:Who|Whoever|Whom)\b(?![^.]*\?)", "name the subject"),
    (r"(?:^|\. )(?:Likewise|Of (?:a|an|the|those|these|several)\b)", "name the subject"),
    (r"(?:^|\. )What (?:is|was|of|stands|came|comes|goes|has|fails|remains)\b(?![^.]*\?)", "name the subject"),
]
RULES = [(re.compile(pattern), instead) for pattern, instead in BANNED]
# Names in code, quoted literally.
CODE = re.compile(r"`[^`]*`|\b\w+_\w+\b|\b\w+::\w+\b|https?://\S+")
# Files that name the banned words on purpose, are generated from the program, or quote other people's text.
SKIPPED = {"tools/lint/words.py", "docs/glossary.md", "CHANGELOG.md", "LICENSE"}
CPP_TOKEN = re.compile(r'//(?P<line>[^\n]*)|/\*(?P<block>.*?)\*/|"(?P<text>(?:[^"\\\n]|\\.)*)"|' + r"'(?:[^'\\\n]|\\.)*'", re.DOTALL)
SCRIPT_COMMENT = re.compile(r"(?m)(?:^|\s)#(?P<line>[^\n!].*)$")


def pieces_of(path, text):
    """The prose of a file as (line number, text)."""
    if path.suffix in (".cpp", ".hpp", ".h"):
        for token in CPP_TOKEN.finditer(text):
            piece = token["line"] or token["block"] or token["text"]
            if piece:
                yield text.count("\n", 0, token.start()) + 1, piece.lstrip("/< ")
    elif path.suffix in (".md", ".smtp"):
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line
    else:
        for token in SCRIPT_COMMENT.finditer(text):
            yield text.count("\n", 0, token.start("line")) + 1, token["line"].strip()


def check(path):
    name = str(path.relative_to(ROOT))
    if name in SKIPPED or name.startswith(("docs/reference/", "fuzz/corpus/")):
        return []
    found = []
    for number, piece in pieces_of(path, path.read_text(encoding="utf-8", errors="replace")):
        prose = CODE.sub("", piece)
        for rule, instead in RULES:
            hit = rule.search(prose)
            if hit:
                found.append(f"{name}:{number}: '{hit[0].strip()}': write: {instead}")
    return found


def main():
    suffixes = (".cpp", ".hpp", ".h", ".md", ".py", ".sh", ".smtp", ".toml", ".cmake")
    if len(sys.argv) > 1:
        files = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    else:
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], check=True, capture_output=True, text=True)
        files = [ROOT / name for name in listed.stdout.splitlines() if name.endswith(suffixes) or name in ("dev", "CMakeLists.txt")]
    findings = [finding for path in files for finding in check(path)]
    print("\n".join(findings) if findings else "the words are those of the glossary")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
