# Output that cannot be written (a full disk, a closed descriptor) ends with a message on standard error and exit code 74, in every
# verb that prints. A verb that fails anyway keeps its own code.
import os
import pathlib
import subprocess
import unittest

import by_hand
import postroad
from sendmail_entry import plain

MESSAGE = "From: a@x.example\nTo: b@x.example\nSubject: hi\nDate: Sat, 28 Nov 2026 10:00:00 +0000\nMessage-ID: <1@x.example>\n\nhello\n"


class OutputThatCannotBeWritten(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.message = cls.folder.write("mail.eml", MESSAGE)
        cls.poor = cls.folder.write("poor.eml", MESSAGE.replace("Message-ID", "X-ID"))
        cls.key = cls.folder.path / "key.pem"
        assert postroad.run("dkim", "keygen", "-o", cls.key).returncode == 0
        signed = postroad.run("dkim", "sign", "-k", cls.key, "-d", "x.example", "-s", "s1", cls.message)
        cls.signed = cls.folder.write("signed.eml", signed.stdout)
        record = postroad.run("dkim", "record", "-k", cls.key, "-d", "x.example", "-s", "s1").stdout
        cls.record = "s1._domainkey.x.example=" + "".join(record.split('"')[1::2])
        cls.users = cls.folder.path / "users"
        postroad.add_user(cls.users, "ann", "s3cret")
        cls.data = cls.folder.path / "data"
        with postroad.Server({"server": {"data": cls.data}}, folder=cls.folder.path) as server:
            done = postroad.run("send", "-s", f"smtp://127.0.0.1:{server.port}", "--data", cls.message, "b@x.example")
            assert done.returncode == 0, done.stderr
            server.wait_mail(1)

    def verbs(self):
        """Every verb that prints and can exit with 0."""
        return [("--help",), ("--version",), ("help",), ("help", "dkim", "sign"), ("send", "--help"), ("sendmail", "--help"), ("dkim", "sign", "--help"),
                ("send", "--dry-run", "-f", "a@x.example", "-t", "b@x.example", "--text", "hi"),
                ("mail", "list", "-d", self.data), ("mail", "list", "-d", self.data, "--json"), ("mail", "show", "last", "-d", self.data),
                ("mail", "show", "last", "--raw", "-d", self.data), ("mail", "show", "last", "--json", "-d", self.data),
                ("mail", "wait", "-d", self.data), ("lint", self.poor), ("lint", "--json", self.message),
                ("plan", "ann@here.example", "--set", "local.domains=here.example", "--set", "local.mailboxes=ann, postmaster"),
                ("dkim", "keygen", "-o", self.folder.path / f"key{os.urandom(4).hex()}.pem"), ("dkim", "record", "-k", self.key),
                ("dkim", "sign", "-k", self.key, "-d", "x.example", "-s", "s1", self.message),
                ("dkim", "verify", "--record", self.record, self.signed), ("config", "check", "--offline", "--set", "listener.port=0"), ("config", "show"),
                ("config", "reference"), ("user", "list", "--file", self.users), ("completion", "bash"), ("completion", "zsh"), ("completion", "fish"), ("events",), ("metrics",)]

    def call(self, *words, closed=False, program=None, **rest):
        """Standard output is /dev/full, or closed."""
        command = [str(word) for word in (program or postroad.BINARY, *words)]
        if closed:
            command = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command]
        with open("/dev/full", "wb") as full:
            return subprocess.run(command, stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=postroad.PATIENCE,
                                  check=False, env={**postroad.CLEAN, **rest.get("env", {})})

    def test_every_verb(self):
        for closed, reason in ((False, "No space left on device"), (True, "Bad file descriptor")):
            for words in self.verbs():
                with self.subTest(" ".join(str(word) for word in words), closed=closed):
                    done = self.call(*words, closed=closed)
                    self.assertEqual(done.returncode, 74, done.stderr)
                    self.assertIn(f"standard output cannot be written: {reason}", done.stderr)

    def test_every_verb_is_tried(self):
        shown = postroad.run("--help").stdout
        listed = {line.split()[0] for line in shown.split("Commands\n")[1].split("\n\n")[0].splitlines() if line.startswith("  ") and line[2] != " "}
        # talk and serve have tests of their own below; queue, site and policy need a running server (test_queue_commands.py). man prints nothing: it
        # writes files.
        self.assertEqual(listed - {words[0] for words in self.verbs()}, {"talk", "serve", "man", "queue", "site", "policy", "tlsrpt"})

    # Its messages are worth more than its words: it continues, and tells at once and at the end that they were lost.
    def test_serve(self):
        for closed in (False, True):
            with self.subTest(closed=closed):
                folder = self.enterContext(postroad.Folder())
                config = folder.write("postroad.toml", postroad.toml({"server": {"data": folder.path / "data"}, "listener": [{"port": 0}],
                                                                      "log": {"format": "json"}}))
                command = ["/bin/sh", "-c", 'exec "$@" >&-' if closed else 'exec "$@" >/dev/full', "sh", postroad.BINARY, "serve", "--config", str(config)]
                with subprocess.Popen(command, env=postroad.CLEAN, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
                    lines = postroad.LineReader(server.stderr.fileno())
                    said = []
                    while not said or "the server continues" not in said[-1]:
                        said.append(lines.next())
                        self.assertIsNotNone(said[-1], said)
                    self.assertEqual(said[-1], "postroad serve: standard output cannot be written; the server continues")
                    done = self.call("serve", "--reload", "--config", config, closed=closed)
                    self.assertEqual(done.returncode, 74, done.stderr)
                    self.assertIn("standard output cannot be written: ", done.stderr)
                    done = postroad.run("serve", "--reload", "--config", config)
                    self.assertEqual((done.returncode, done.stdout), (0, "the configuration was reloaded\n"), done.stderr)
                    server.terminate()
                    self.assertEqual(server.wait(postroad.PATIENCE), 74)
                    self.assertIn("standard output cannot be written: ", server.stderr.read().decode())

    # It prints the session on standard error, and nothing on standard output.
    def test_talk(self):
        with by_hand.FakeServer(plain) as fake:
            done = self.call("talk", f"127.0.0.1:{fake.port}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, "<-  220 fake.example")
            for redirection in ("2>/dev/full", "2>&-"):
                with self.subTest(redirection):
                    done = postroad.run_program("/bin/sh", "-c", f'exec "$@" {redirection}', "sh", postroad.BINARY, "talk", f"127.0.0.1:{fake.port}")
                    self.assertEqual((done.returncode, done.stdout), (74, ""))

    def test_the_outcomes_of_send(self):
        for flags in ((), ("--json",)):
            with by_hand.FakeServer(plain) as fake:
                done = self.call("send", "-s", f"smtp://127.0.0.1:{fake.port}", "-f", "a@x.example", "-t", "b@x.example", "--text", "hi", *flags)
                self.assertEqual(done.returncode, 74, done.stderr)
                self.assertIn("standard output", done.stderr)

    def test_a_failure_keeps_its_own_code(self):
        with by_hand.FakeServer(lambda peer: plain(peer, rcpt="550 5.1.1 nobody")) as fake:
            done = self.call("send", "-s", f"smtp://127.0.0.1:{fake.port}", "-f", "a@x.example", "-t", "b@x.example", "--text", "hi")
            self.assertEqual(done.returncode, 69, done.stderr)
            self.assertIn("standard output", done.stderr)

    def test_sendmails_help_by_its_name(self):
        link = self.folder.path / "sendmail"
        link.symlink_to(postroad.BINARY)
        self.assertEqual(self.call("--help", program=link).returncode, 74)

    def test_manual_pages(self):
        done = postroad.run("man", "/nowhere")
        self.assertEqual(done.returncode, 73)
        self.assertIn("/nowhere", done.stderr)

    def test_a_closed_descriptor_is_not_taken_by_something_else(self):
        # With descriptor 1 closed, the input file must not be opened as descriptor 1, or the output would be written into it.
        keep = self.message.read_text()
        self.call("lint", self.message, closed=True)
        self.assertEqual(pathlib.Path(self.message).read_text(), keep)


if __name__ == "__main__":
    unittest.main(verbosity=2)
