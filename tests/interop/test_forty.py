# The same forty messages, composed by Postroad, by Python's email package and by nodemailer, and read back by all three (mailparser
# reads for nodemailer). The reading must equal the specification of the message. A table of the results is printed. Postroad
# composes in each form that it has for servers: 7bit, 8bit, binary.
#
# KNOWN lists the known differences of other libraries, with the proof that the library is at fault: if it composes, its own
# reader misses the content too; if it reads, the two others read the same bytes correctly.
import json
import os
import shutil
import sys
import unittest

import forty
import forty_python
import postroad
from postroad import ROOT, run_program

OURS = os.path.abspath(os.environ.get("COMPOSE_FORTY", str(ROOT / "build/release/bin/compose_forty")))
NODE_FOLDER = ROOT / "build/node"
NODE_SCRIPT = ROOT / "tests/interop/forty_node.js"
MESSAGES = forty.messages()
NAMES = [message["name"] for message in MESSAGES]
COMPOSERS = ("postroad 7bit", "postroad 8bit", "postroad binary", "python", "nodemailer")
READERS = ("postroad", "python", "nodemailer")

# (who, "composes" or "reads", the composers whose messages are meant or None for all, the message, what differs, why)
KNOWN = [
    ("python", "composes", None, "long mixed subject", {"subject"},
     "folding, it puts the space between two encoded-words outside of both, where it counts for nothing (RFC 2047 §6.2)"),
    ("python", "composes", None, "a subject like an encoded-word", {"subject"},
     "ASCII that looks like an encoded-word goes out as it is, so every reader decodes it"),
    ("nodemailer", "composes", None, "a subject like an encoded-word", {"subject"},
     "ASCII that looks like an encoded-word goes out as it is, so every reader decodes it"),
    ("python", "reads", None, "long names", {"to"},
     "in a display name it keeps the spaces between encoded-words, which count for nothing (RFC 2047 §6.2)"),
    ("python", "reads", {"nodemailer"}, "long subject without blanks", {"subject"},
     "of a field whose first line is empty it keeps the space of the fold; nodemailer puts a word too long for the first line on the next"),
    ("python", "reads", None, "priority, list and other fields", {"headers"},
     "the same with X-Forty-Url, whose word fits on a line of its own and not beside the name; all three composers fold there"),
    ("nodemailer", "reads", {"postroad binary"}, "attachment sizes", {"attachments"},
     "of an empty body in the binary encoding it reads the line end that belongs to the boundary (RFC 2046 §5.1.1)"),
]


def node(verb, *words):
    done = run_program("node", NODE_SCRIPT, verb, *words, env={"FORTY_NODE": str(NODE_FOLDER)}, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"forty_node.js {verb}: {done.stderr}")
    return done.stdout


def ours(verb, *words):
    done = run_program(OURS, verb, *words)
    if done.returncode != 0:
        raise AssertionError(f"compose_forty {verb}: {done.stderr}")
    return done.stdout


def has_node():
    return shutil.which("node") is not None and (NODE_FOLDER / "node_modules/nodemailer").is_dir() and (NODE_FOLDER / "node_modules/mailparser").is_dir()


def compose(composer, description, folder):
    if composer == "nodemailer":
        node("compose", description, folder)
    elif composer == "python":
        for number, message in enumerate(MESSAGES):
            (folder / f"{number:02}.eml").write_bytes(forty_python.compose(message))
    else:
        ours("compose", description, folder, composer.split()[1])


def read(reader, files):
    if reader == "python":
        return [forty.settle(forty_python.parse(path.read_bytes())) for path in files]
    out = (node if reader == "nodemailer" else ours)("parse", *files)
    return [forty.settle(json.loads(line)) for line in out.split("\n") if line]


def differing(got, wanted):
    return {key for key in wanted if got[key] != wanted[key]}


def around(got, wanted):
    """Where two values part."""
    one, other = repr(got), repr(wanted)
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    window = slice(max(0, at - 60), at + 60)
    return f"read   …{one[window]}\n    wanted …{other[window]}"


class Forty(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        description = cls.folder.write("forty.json", json.dumps(MESSAGES))
        cls.wanted = [forty.settle(message) for message in MESSAGES]
        here = [name for name in COMPOSERS if name != "nodemailer" or has_node()]
        cls.differ = {}  # (composer, reader): for each message what differs
        cls.readings = {}
        for composer in here:
            folder = cls.folder.path / composer.replace(" ", "_")
            folder.mkdir()
            compose(composer, description, folder)
            files = sorted(folder.iterdir())
            for reader in READERS:
                if reader == "nodemailer" and not has_node():
                    continue
                readings = read(reader, files)
                cls.readings[composer, reader] = readings
                cls.differ[composer, reader] = [differing(got, wanted) for got, wanted in zip(readings, cls.wanted, strict=True)]
        cls.print_table()

    @classmethod
    def print_table(cls):
        print(f"{'messages equal':18}" + "".join(f"{'read by ' + reader:>20}" for reader in READERS), file=sys.stderr)
        for composer in COMPOSERS:
            cells = [cls.differ.get((composer, reader)) for reader in READERS]
            print(f"{composer:18}" + "".join(f"{'-' if cell is None else f'{sum(not one for one in cell)} of {len(cell)}':>20}" for cell in cells), file=sys.stderr)

    @staticmethod
    def known(composer, reader, name):
        """The fields that may differ here."""
        keys = set()
        for who, what, composers, message, differ, _ in KNOWN:
            meant = who == composer if what == "composes" else who == reader and (composers is None or composer in composers)
            if meant and message == name:
                keys |= differ
        return keys

    def check(self, composer, reader):
        if (composer, reader) not in self.differ:
            self.skipTest("nodemailer and mailparser are missing: ./dev setup fetches them into build/node, where npm is there")
        for number, differ in enumerate(self.differ[composer, reader]):
            for key in sorted(differ - self.known(composer, reader, NAMES[number])):
                with self.subTest(composer=composer, reader=reader, number=number, message=NAMES[number], differs=key):
                    self.fail(around(self.readings[composer, reader][number][key], self.wanted[number][key]))

    def test_they_are_forty(self):
        self.assertEqual(len(set(NAMES)), 40)
        self.assertEqual({known[3] for known in KNOWN} - set(NAMES), set())

    def test_ours_to_ours(self):
        for composer in COMPOSERS[:3]:
            self.assertEqual([NAMES[i] for i, one in enumerate(self.differ[composer, "postroad"]) if one], [])

    def test_what_is_known_is_the_others_fault(self):
        for who, what, composers, message, keys, why in KNOWN:
            number = NAMES.index(message)
            for (composer, reader), differ in self.differ.items():
                if what == "composes" and composer == who == reader:
                    # A newer version may have fixed it: then nothing differs for any reader.
                    anywhere = any(self.differ[pair][number] for pair in self.differ if pair[0] == who)
                    self.assertEqual(bool(differ[number]), anywhere, f"{message}: {why}")
                if what == "reads" and reader != who and (composers is None or composer in composers):
                    self.assertEqual(differ[number] & keys, set(), f"{composer} to {reader}, {message}: {why}")

    def test_ours_to_python(self):
        for composer in COMPOSERS[:3]:
            self.check(composer, "python")

    def test_ours_to_nodemailer(self):
        for composer in COMPOSERS[:3]:
            self.check(composer, "nodemailer")

    def test_python_to_all(self):
        self.check("python", "postroad")
        self.check("python", "python")

    def test_python_to_nodemailer(self):
        self.check("python", "nodemailer")

    def test_nodemailer_to_all(self):
        for reader in READERS:
            self.check("nodemailer", reader)


if __name__ == "__main__":
    unittest.main()
