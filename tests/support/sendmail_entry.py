# The sendmail command as its tests call it: by a link of that name, to a fake server. The tests check every line of output.
import os
import pwd
import re
import unittest

import by_hand
import postroad

ME = pwd.getpwuid(os.geteuid()).pw_name
ALL = ("fake.example", "PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 99999999")
MAIL = b"From: Ann <ann@x.example>\nTo: b@x.example\nSubject: hi\n\nhello\n"
HIDDEN = ("hidden1@x.example", "hidden2@x.example", "hidden3@x.example", "hidden4@x.example", "hidden5@x.example")


def plain(peer, ehlo=ALL, **replies):
    names = {"dot": "."}
    peer.say("220 fake.example ESMTP\r\n")
    by_hand.converse(peer, ehlo=ehlo, replies={names.get(verb, verb.upper()): reply for verb, reply in replies.items()})


class Sent:
    """The envelope and the data that one call sent."""

    def __init__(self, done, heard):
        self.code, self.words, self.out = done.returncode, done.stderr, done.stdout
        self.heard = heard
        self.mail = next((line for line in heard if line.startswith("MAIL ")), None)
        self.recipients = [line[len("RCPT TO:<"):line.index(">")] for line in heard if line.startswith("RCPT ")]
        self.rcpt = [line for line in heard if line.startswith("RCPT ")]
        self.lines = heard[heard.index("DATA") + 1:] if "DATA" in heard else []
        self.text = self.lines[:self.lines.index(".")] if "." in self.lines else None
        end = self.text.index("") if self.text is not None and "" in self.text else None
        self.header = None if end is None else self.text[:end]
        self.body = None if end is None else self.text[end + 1:]

    def field(self, name):
        """All values of a field, unfolded."""
        whole = re.sub(r"\n[ \t]", " ", "\n".join(self.header or []))
        return [line.split(":", 1)[1].strip() for line in whole.split("\n") if line.lower().startswith(name.lower() + ":")]


class Sendmail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.program = cls.folder.path / "sendmail"
        cls.program.symlink_to(postroad.BINARY)
        cls.home = cls.folder.path / "home"
        cls.home.mkdir()
        cls.settings = cls.folder.write("sendmail.toml", 'domain = "here.example"\n')

    def environment(self, port, **env):
        return {"HOME": str(self.home), "POSTROAD_SENDMAIL_CONFIG": str(self.settings), "POSTROAD_SENDMAIL_SERVER": f"smtp://127.0.0.1:{port}", **env}

    def call(self, *words, input=MAIL, script=plain, code=0, env=None, timeout=postroad.PATIENCE):
        with by_hand.FakeServer(script) as fake:
            done = postroad.run_program(self.program, *words, input=input, env={**self.environment(fake.port), **(env or {})}, timeout=timeout)
            sent = Sent(done, fake.heard)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        if code == 0:
            self.assertEqual(done.stderr, "")
        return sent

    def refused(self, *words, code, says, **rest):
        """Exits with that code and one message, and connects to no server."""
        sent = self.call(*words, code=code, **rest)
        self.assertEqual(sent.heard, [], words)
        self.assertIn(says, sent.words)
        self.assertTrue(sent.words.startswith("sendmail: ") and sent.words.count("\n") == 1, sent.words)
        return sent
