# `postroad send --stop-after` and `--cut-after`: the session goes as far as the named step and no further; nothing is
# delivered, and the exit code is 0. A step that was not reached is still a failure.
import json
import unittest

import by_hand
from certificates import Certificates
import postroad

STAGES = ("connect", "hello", "tls", "auth", "mail", "rcpt", "data", "text")
SAID = {"connect": None, "hello": "EHLO", "tls": "STARTTLS", "auth": "AUTH", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "text": "DATA"}


class StopAfter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(folder)
        certificate, key = cls.certificates.make("server")
        users = folder / "users"
        postroad.add_user(users, "ann", "one")
        here = {"role": "submission", "certificate": certificate, "key": key, "auth": True}
        cls.server = postroad.Server({"server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["ann", "ben", "last"]},
                                      "listener": [{**here, "tls": "required"}, {**here, "tls": "implicit"}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def send(self, *flags, scheme="smtp", to="ann@here.example, ben@here.example"):
        port = self.server.ports[1 if scheme == "smtps" else 0]
        return postroad.run("send", "--server", f"{scheme}://localhost:{port}", "--ca-file", self.certificates.ca, "--user", "ann", "--password-env", "PW", "--from",
                            "ann@here.example", "--to", to, "--text", "hi", *flags, env={"PW": "one"})

    def test_our_server_takes_nothing(self):
        for scheme in ("smtp", "smtps"):
            for flag, ending in (("--stop-after", "quit"), ("--cut-after", "closed_by_peer")):
                for stage in STAGES:
                    for pipelining in ([], ["--no-pipelining"], ["--chunking", "preferred"]):
                        with self.subTest(scheme=scheme, flag=flag, stage=stage, pipelining=pipelining):
                            before = len(self.server.events("session.closed"))
                            done = self.send(flag, stage, "--trace", *pipelining, scheme=scheme)
                            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                            self.assertTrue(done.stdout.strip(), "it says where it stopped")
                            event = postroad.eventually(lambda: self.server.events("session.closed")[before:])[0]
                            self.assertEqual(event["messages"], 0)
                            if flag == "--stop-after" and stage not in ("data", "text"):
                                self.assertEqual(event["ending"], ending)
                                self.assertIn("QUIT", done.stderr)
                            elif flag == "--cut-after":
                                self.assertNotIn("QUIT", done.stderr)
        # An earlier message would have arrived by now.
        self.assertEqual(self.send(to="last@here.example").returncode, 0)
        self.assertEqual([mail.mailbox for mail in self.server.wait_mail(1)], ["last@here.example"])
        self.assertEqual(len(self.server.events("message.accepted")), 1)

    def script(self, ehlo=("fake.example", "PIPELINING", "AUTH PLAIN")):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=ehlo, replies={"AUTH": "235 2.7.0 ok"})
        return script

    def heard(self, flag, stage, script=None):
        with by_hand.FakeServer(script or self.script()) as fake:
            done = postroad.run("send", "--server", f"smtp://127.0.0.1:{fake.port}", "--user", "ann", "--password-env", "PW", "--allow-password-in-clear",
                                "--from", "a@client.example", "--to", "b@x.example, c@x.example", "--text", "hi", flag, stage, env={"PW": "one"})
        return done, [line.split(" ")[0] for line in fake.heard]

    def test_no_command_behind_the_one_that_was_asked_for(self):
        order = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        for flag in ("--stop-after", "--cut-after"):
            for stage in STAGES:
                if stage == "text":
                    continue
                with self.subTest(flag=flag, stage=stage):
                    done, heard = self.heard(flag, stage)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    last = "EHLO" if stage == "tls" else SAID[stage]  # there is no such step: the session stops where TLS would start
                    expected = order[:order.index(last) + 1] if last else []
                    verbs = [verb for verb in heard if verb in order]
                    self.assertEqual(list(dict.fromkeys(verbs)), expected)
                    if stage in ("rcpt", "data"):
                        self.assertEqual(verbs.count("RCPT"), 2)
                    self.assertEqual("QUIT" in heard, flag == "--stop-after" and stage != "data")

    # The data is sent, but not the end of data.
    def test_after_the_text_there_is_no_lone_dot(self):
        for flag in ("--stop-after", "--cut-after"):
            done, heard = self.heard(flag, "text")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("DATA", heard)
            self.assertNotIn(".", heard)

    def test_a_step_that_failed_was_not_reached(self):
        def refusing(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"), replies={"AUTH": "235 ok", "MAIL": "550 5.7.1 go away"})
        for flag in ("--stop-after", "--cut-after"):
            for stage in ("mail", "rcpt", "data", "text"):
                done, _ = self.heard(flag, stage, refusing)
                self.assertEqual(done.returncode, 69, done.stdout + done.stderr)
                self.assertIn("550 5.7.1 go away", done.stdout)

    def test_with_several_servers_and_as_json(self):
        for stage in ("mail", "text"):
            for extra in ((), ("--json",), ("--relay", "smtp://127.0.0.1:1"), ("--relay", "smtp://127.0.0.1:1", "--json")):
                with self.subTest(stage=stage, extra=extra), by_hand.FakeServer(self.script()) as fake:
                    done = postroad.run("send", "--server", f"smtp://127.0.0.1:{fake.port}", "--from", "a@client.example", "--to", "b@x.example", "--text", "hi",
                                        "--stop-after", stage, *extra)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
                    if "--json" in extra:
                        self.assertIn("stopped", json.loads(done.stdout))
                    else:
                        self.assertIn("stopped", done.stdout)

    def test_flags_that_exclude_each_other(self):
        for one, other in ((("--stop-after", "mail"), ("--cut-after", "mail")), (("--dry-run",), ("--stop-after", "mail")), (("--dry-run",), ("--cut-after", "mail")),
                           (("--dry-run",), ("--json",))):
            done = self.send(*one, *other)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(f"{one[0]}, {other[0]}: mutually exclusive; give only one", done.stderr)

    def test_wrong_words(self):
        for stage in ("", "quit", "MAIL"):
            self.assertEqual(self.send("--stop-after", stage).returncode, 64, stage)


if __name__ == "__main__":
    unittest.main(verbosity=2)
