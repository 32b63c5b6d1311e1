#!/usr/bin/python3
"""Makes docs/reference/faults.md: for each row of the table of faults that SMTP software has really had, the tests that guard it.

It reads the tests themselves: `rows:` lines of transcripts, `TEST(Row8, …)` in C++, `row_8` or `Row8` in Python.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = {
    1: "octets buffered before the TLS handshake are believed after it", 2: "capabilities from before STARTTLS used after it",
    3: "STARTTLS refused or stripped and the client goes on in clear", 4: "CR, LF or NUL in a value becomes another command or header",
    5: "a wide character narrowed to CR or LF", 6: "a quoted local part written out raw", 7: "dot-stuffing at chunk edges",
    8: "anything but CRLF . CRLF ends the data", 9: "an extra CRLF before the final dot; bare LF or CR sent",
    10: "dot-stuffing inside BDAT", 11: "a pipelined failure leaves replies unread", 12: "354 although every RCPT was refused",
    13: "550 or 421 and a hang-up reported as disconnected only", 14: "a read time-out leaves the connection usable",
    15: "time-out after the final dot, blind retry", 16: "endless, mixed or code-only replies", 17: "replies split or joined at any octet",
    18: "EHLO keywords: case, AUTH=LOGIN, substrings", 19: "host name of a certificate not checked", 20: "initial responses, prompts and `*` of AUTH",
    21: "endless 334; a stronger mechanism skipped", 22: "Bcc on the wire", 23: "a sendmail argument from an address beginning with -",
    24: "secrets in logs, traces and error texts", 25: "encoded-words too long or cut", 26: "address parser: nesting, exponential time",
    27: "DKIM", 28: "pool", 29: "extensions asked for and silently not honoured", 30: "an attachment that fails in mid-DATA",
    31: "one bad recipient fails all", 32: "slow or endless clients hinder others", 33: "open relay by odd addresses",
    34: "log injection and path tricks", 35: "VRFY, EXPN, RCPT tell who exists", 36: "mail loops and backscatter", 37: "DNS answers misread",
    38: "250 before the data is on disk", 39: "a damaged record stops the start; a full disk loses mail", 40: "one slow destination starves the rest",
    41: "leases lost or done twice", 42: "a mail's HTML in the page", 43: "a deadline per read instead of per command", 44: "replies nobody reads pile up; declared sizes reserve memory",
    45: "refused text run as commands", 46: "TLS state in the middle of BDAT", 47: "pooled connection with other settings taken again",
    48: "SCRAM signatures; unknown users tell by words or time", 49: "encoded-words in addresses parsed again", 50: "terminal escapes in replies",
    51: "bare LF by BDAT goes out raw by DATA",
}


def guards():
    found = {row: [] for row in ROWS}

    def add(row, name):
        if row in found and name not in found[row]:
            found[row].append(name)

    for path in sorted((ROOT / "tests").rglob("*.smtp")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("rows:"):
                for row in re.findall(r"\d+", line):
                    add(int(row), f"`{path.relative_to(ROOT)}`")
    for path in sorted([*(ROOT / "src").rglob("*_test.cpp"), *(ROOT / "tests").rglob("*.cpp")]):
        for row, test in re.findall(r"TEST(?:_F|_P)?\(Row(\d+)\w*, (\w+)\)", path.read_text(encoding="utf-8")):
            add(int(row), f"`{path.relative_to(ROOT)}` {test}")
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^\s*(?:class|def) (\w*[Rr]ow_?(\d+)\w*)", text, re.MULTILINE):
            add(int(match[2]), f"`{path.relative_to(ROOT)}` {match[1]}")
    return found


def main():
    print("# Faults that SMTP software has really had, and the tests that guard against them here\n")
    print("Made by `./dev docs` from the tests themselves. A row without a test belongs to a part that is not built.\n")
    print("| row | fault | guarded by |\n|---|---|---|")
    for row, names in guards().items():
        shown = "; ".join(names[:6]) + (f"; and {len(names) - 6} more" if len(names) > 6 else "")
        print(f"| {row} | {ROWS[row]} | {shown or '—'} |")


if __name__ == "__main__":
    main()
