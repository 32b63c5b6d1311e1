#!/usr/bin/python3
"""Tests of words.py: sentences that it must find, and sentences that it must pass. `./dev lint` runs them."""

import pathlib
import sys
import tempfile
import unittest

import words


class Words(unittest.TestCase):
    def found(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, name)
            path.write_text(text)
            words.ROOT = pathlib.Path(folder)
            return [line.split(":")[1] for line in words.check(path)]

    def test_a_sentence_that_opens_with_what_is_found(self):
        self.assertEqual(self.found("a.cpp", "// What the client sends.\n"), ["1"])
        self.assertEqual(self.found("a.cpp", "int a;  ///< a flag. Whatever is set counts.\n"), ["1"])
        self.assertEqual(self.found("a.cpp", 'f("error: What failed");\n'), ["1"])
        self.assertEqual(self.found("a.py", 'def f():\n    """Whoever asks."""\n'), ["2"])
        self.assertEqual(self.found("a.md", "| a | What it is |\n\n## What counts\n"), ["1", "3"])

    def test_a_line_starts_a_sentence_only_after_a_full_stop(self):
        self.assertEqual(self.found("a.cpp", "// The machine decides.\n// What follows is dropped.\n"), ["2"])
        self.assertEqual(self.found("a.cpp", "// The machine decides, whatever\n// What is a name here.\n"), [])
        self.assertEqual(self.found("a.cpp", "int a;  // a number\n// What follows.\n"), ["2"])
        self.assertEqual(self.found("a.md", "The page explains\nWhat, a class.\n"), [])

    def test_questions_and_code_pass(self):
        self.assertEqual(self.found("a.md", "What does it cost? Nothing.\n"), [])
        self.assertEqual(self.found("a.md", "The flag `estate` is old.\n"), [])
        self.assertEqual(self.found("a.cpp", "int judge(int texts);\n"), [])

    def test_words_are_found_anywhere(self):
        self.assertEqual(self.found("a.cpp", "// The server judges\n// all texts.\n"), ["1", "2"])
        self.assertEqual(self.found("a.sh", "# the dialogue\n"), ["1"])

    def test_a_program_is_named_and_addresses_pass(self):
        self.assertEqual(self.found("a.cpp", "// until nobody waits\n"), ["1"])
        self.assertEqual(self.found("a.md", "Whoever drives it, or somebody else.\n"), ["1", "1"])
        self.assertEqual(self.found("a.cpp", 'f("to nobody@x.example, team: nobody:;");\n'), [])
        self.assertEqual(self.found("a.smtp", "client: login nobody secret PLAIN\n"), [])

    def test_invented_words_and_word_order_are_found(self):
        self.assertEqual(self.found("a.cpp", "// A malformed line is no reply.\n"), ["1"])
        self.assertEqual(self.found("a.cpp", "// There is no reply, and it is no longer awaited.\n"), [])
        self.assertEqual(self.found("a.cpp", 'f("networks, as 192.0.2.0/24");\n'), ["1"])
        self.assertEqual(self.found("a.cpp", "// The URL, as `host:port`.\n"), ["1"])
        self.assertEqual(self.found("a.cpp", "// The pin, as RFC 7469 defines it, and a value, as `parse` reads it.\n"), [])
        self.assertEqual(self.found("a.cpp", 'f("the spool takes no messages");\n'), ["1"])
        self.assertEqual(self.found("a.cpp", 'f("--a, --b: they exclude each other");\n'), ["1"])
        self.assertEqual(self.found("a.cpp", "// The field stands above, folded at a blank all the same.\n"), ["1", "1", "1"])
        self.assertEqual(self.found("a.cpp", "// The conversation is not read any more.\n"), ["1", "1"])
        self.assertEqual(self.found("a.cpp", "// `*` stands for any text; codes such as trailing-blank.\n"), [])

    def test_octets_belong_to_rfcs(self):
        self.assertEqual(self.found("a.cpp", "// at most 998 octets\n"), ["1"])
        self.assertEqual(self.found("a.cpp", "// at most 998 octets (RFC 5322 section 2.1.1)\n"), [])
        self.assertEqual(self.found("a.cpp", 'f("octets", "too many octets");\n'), ["1"])
        self.assertEqual(self.found("a.smtp", "C: twenty octets\n"), [])


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main(verbosity=0)
