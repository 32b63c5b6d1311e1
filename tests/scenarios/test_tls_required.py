# Row 3 of guards.md: TLS is required, and the server does not offer it or refuses STARTTLS: nothing is sent in plaintext, neither
# message nor password, and the error says so (exit code 77). A user name implies that TLS is required.
import unittest

import by_hand
from certificates import Certificates
import postroad


class TlsRequired(unittest.TestCase):
    def send(self, script, *flags, env=None):
        with by_hand.FakeServer(script) as fake:
            done = postroad.run("send", "--server", f"smtp://localhost:{fake.port}", "--from", "a@client.example", "--to", "b@x.example",
                                "--text", "hi", *flags, env=env)
        return done, fake.heard

    @staticmethod
    def without_starttls(peer):
        peer.say("220 fake.example ESMTP\r\n")
        by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN LOGIN"), replies={"AUTH": "235 ok"})

    @staticmethod
    def refusing_starttls(peer):
        peer.say("220 fake.example ESMTP\r\n")
        by_hand.converse(peer, ehlo=("fake.example", "STARTTLS", "AUTH PLAIN LOGIN"), replies={"STARTTLS": "454 4.7.0 not now", "AUTH": "235 ok"})

    @staticmethod
    def helo_only(peer):
        peer.say("220 fake.example\r\n")
        by_hand.converse(peer, replies={"EHLO": "502 what?"})

    def check(self, done, heard, words, code=77):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r"localhost:\d+ STARTTLS: TLS is required")
        self.assertIn(words, done.stderr)
        self.assertFalse([line for line in heard if line.split()[0].upper() not in ("EHLO", "HELO", "STARTTLS", "QUIT")], heard)

    def test_row_3_not_offered(self):
        self.check(*self.send(self.without_starttls, "--require-tls"), "does not offer it; nothing was sent")

    def test_row_3_refused(self):
        self.check(*self.send(self.refusing_starttls, "--require-tls"), "454 4.7.0 not now", code=75)  # it may work later

    def test_row_3_no_ehlo_at_all(self):
        self.check(*self.send(self.helo_only, "--require-tls"), "nothing was sent")

    def test_row_3_a_user_requires_it(self):
        self.check(*self.send(self.without_starttls, "--user", "test", "--password-env", "PW", env={"PW": "s3cret"}), "nothing was sent")

    def test_by_url(self):
        with by_hand.FakeServer(self.without_starttls) as fake:
            done = postroad.run("send", "--server", f"smtp://localhost:{fake.port}?tls=required", "--from", "a@client.example", "--to", "b@x.example",
                                "--text", "hi")
        self.check(done, fake.heard, "nothing was sent")

    def test_no_password_in_clear_without_the_word(self):
        done, heard = self.send(self.without_starttls, "--no-tls", "--user", "test", "--password-env", "PW", env={"PW": "s3cret"})
        self.assertEqual(done.returncode, 77)
        self.assertIn("not sent without TLS", done.stderr)
        self.assertFalse([line for line in heard if line.startswith("AUTH")])
        self.assertRegex(done.stderr, "; --allow-password-in-clear permits it", "the remedy is named")

    def test_in_clear_with_the_word(self):
        done, heard = self.send(self.without_starttls, "--allow-password-in-clear", "--user", "test", "--password-env", "PW", env={"PW": "s3cret"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue([line for line in heard if line.startswith("AUTH PLAIN ")])

    def test_the_server_requires_it_too(self):
        with postroad.Folder() as folder:
            certificate, key = Certificates(folder.path).make("server")
            with postroad.Server({"listener": [{"tls": "required", "certificate": certificate, "key": key}]}) as server:
                with by_hand.Session(server.port) as session:
                    session.say("EHLO client.example")
                    for line in ("MAIL FROM:<a@client.example>", "VRFY a", "HELP"):
                        self.assertTrue(session.say(line).startswith("530 5.7.0") or line == "HELP", line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
