#!/usr/bin/python3
"""Checks the language of comments, string literals and documents against a short list of words (docs/glossary.md has the
terms that replace them). Text only: nothing is run. Usage: words.py [FILE...]; without files, the whole tree.
"""

import ast
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The start of a sentence: of the paragraph, after a full stop, a colon or a semicolon, or of a table's cell. A line that
# continues the sentence of the line above is no start.
START = r"(?:\A|[.:;!?][\"')]*\s+|\|\s*)(?:\*\*|\()?"
# Every pattern is matched against comments, string literals and Markdown, never against code; the text says what to write.
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
    (r"\b[Ee]states?\b", "handover state"),
    (r"\bagenda\b", "schedule"),
    (r"\bcarefully\b", "name what is done"),
    (r"\bthe house\b", "the project"),
    (r"\b[Jj]udg(e|es|ed|ing|ement|ment)\b", "check, evaluate, verify"),
    (r"\b[Tt]exts\b", "strings, messages, bodies"),
    (r"\b[Dd]ialogues?\b", "transcript, session"),
    (r"(?<![-\w])[Bb]lanks?(?![-\w])", "space, whitespace, empty line"),
    (r"\b[Ss]tands?\b(?! for\b)", "is, precedes, uses"),
    (r"\ball the same\b", "anyway, nevertheless, still"),
    (r"\btak(?:e|es|ing) (?:no )?(?:mail|messages?)\b", "accepts"),
    (r"\bexcludes? each other\b", "mutually exclusive"),
    (r"\b[Cc]onversations?\b", "session"),
    (r"\bany more\b(?= *[.,;:)]|\Z)", "no longer"),
    # A program, a thread or a file is named. `login nobody`, `nobody@x.example` and `nobody:;` are examples.
    (r"(?<!login )(?<!VRFY )(?<!EXPN )(?<![-<@\w])(?:[Nn]obody|[Ss]omebody|[Aa]nybody|[Ee]verybody|whoever)(?![-@:>\w])", "name the subject"),
    (r"(?<!here\s)\b(?:is|are|was|were) no (?!longer\b|more\b|such\b)", "is not a"),
    # An example after a comma: `, as 192.0.2.0/24`. CODE has replaced code by `_`.
    (r", as (?=_(?: or\b|[.;,)]|$)|\d|[\w.-]+[=:;@/]\S)", "such as"),
    (START + r"(?:Who|Whoever|Whom|Whose|Whatever)\b(?![^.]*\?)", "name the subject"),
    (START + r"What\b(?![^.]*\?)", "name the subject"),
    (START + r"(?:Likewise|The same\b(?=[.,:;])|Of (?:a|an|the|those|these|several)\b)", "name the subject"),
]
# RFCs count in octets; our own prose, logs and options in bytes. These lines quote an RFC's grammar or reply.
OCTETS = re.compile(r"\b[Oo]ctets?\b")
QUOTES_RFC = re.compile(r"RFC|§|\bBDAT octets\b")
RULES = [(re.compile(pattern), instead) for pattern, instead in BANNED]
# Names in code, quoted literally.
CODE = re.compile(r"`[^`\n]*`|(?<!\S)--\w[\w-]*|\b\w+_\w+\b|\b\w+::\w+\b|https?://\S+|\boctet-stream\b")
# Files that name the banned words on purpose, are generated from the program, or quote other people's text.
SKIPPED = {"tools/lint/words.py", "tools/lint/words_test.py", "docs/glossary.md", "CHANGELOG.md", "LICENSE"}
CPP_TOKEN = re.compile(r'//(?P<line>[^\n]*)|/\*(?P<block>.*?)\*/|"(?P<text>(?:[^"\\\n]|\\.)*)"|' + r"'(?:[^'\\\n]|\\.)*'", re.DOTALL)
SCRIPT_COMMENT = re.compile(r"(?m)^(?P<before>[^\n]*?)(?:^|\s)#(?P<line>[^\n!].*)$")
MARKDOWN_BLOCK = re.compile(r"\s*(?:#|\||[-*] |\d+\. |> |//|$)")


def joined(lines):
    """Comment lines that follow each other as one paragraph, as [(number, text)] per paragraph."""
    paragraph = []
    for number, text, alone in lines:
        if paragraph and (alone or paragraph[-1][0] + 1 != number or not text):
            yield paragraph
            paragraph = []
        if text:
            paragraph.append((number, text))
    if paragraph:
        yield paragraph


def cpp_lines(text):
    literal = False  # whether the token before was a string literal: the compiler joins them
    column = -1  # of the line comment before: the next line continues it in the same column
    for token in CPP_TOKEN.finditer(text):
        number = text.count("\n", 0, token.start()) + 1
        begin = text.rfind("\n", 0, token.start()) + 1
        before = text[begin:token.start()].strip()
        if token["text"] and " " in token["text"]:  # one word is a name, not prose
            yield number, token["text"], bool(before) or not literal
        elif token["block"]:
            for more, line in enumerate(token["block"].splitlines()):
                yield number + more, line.strip(" *"), more == 0
        elif token["line"]:
            continues = not before and not literal and column == token.start() - begin
            yield number, token["line"].lstrip("/< ").strip(), not continues
        literal = token["text"] is not None
        column = token.start() - begin if token["line"] else -1


def markdown_lines(text):
    for number, line in enumerate(text.splitlines(), 1):
        yield number, line.strip().lstrip("#>/-* "), MARKDOWN_BLOCK.match(line) is not None


def script_lines(path, text):
    lines = [(text.count("\n", 0, token.start("line")) + 1, token["line"].strip(), bool(token["before"].strip()))
             for token in SCRIPT_COMMENT.finditer(text)]
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            if documented and (words := ast.get_docstring(node, clean=False)):
                first = node.body[0].lineno
                lines += [(first + more, line.strip(), more == 0) for more, line in enumerate(words.splitlines())]
    return sorted(lines)


def paragraphs_of(path, text):
    """The prose of a file: paragraphs of (line number, text)."""
    if path.suffix in (".cpp", ".hpp", ".h"):
        return joined(cpp_lines(text))
    if path.suffix == ".md":
        return joined(markdown_lines(text))
    if path.suffix == ".smtp":
        return joined((number, line.lstrip("# ").strip(), not line.startswith("#")) for number, line in enumerate(text.splitlines(), 1))
    return joined(script_lines(path, text))


def check(path):
    name = str(path.relative_to(ROOT))
    if name in SKIPPED or name.startswith(("docs/reference/", "fuzz/corpus/")):
        return []
    found = []
    for paragraph in paragraphs_of(path, path.read_text(encoding="utf-8", errors="replace")):
        prose = CODE.sub("_", "\n".join(text for _, text in paragraph))
        for rule, instead in RULES:
            for hit in rule.finditer(prose):
                number = paragraph[0][0] + prose.count("\n", 0, hit.end() - 1)
                found.append(f"{name}:{number}: '{' '.join(hit[0].split())}': write: {instead}")
        if path.suffix != ".smtp" and not QUOTES_RFC.search(prose) and (hit := OCTETS.search(prose)):
            number = paragraph[0][0] + prose.count("\n", 0, hit.start())
            found.append(f"{name}:{number}: '{hit[0]}': write: bytes, unless an RFC is quoted by its number")
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
