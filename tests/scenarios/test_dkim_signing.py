# The server signs what its users send (DKIM, RFC 6376): with the key of the domain of From, and nothing of another domain.
import json
import unittest

import by_hand
import postroad

BIG = b"From: Ann <ann@here.example>\r\nSubject: big\r\n\r\n" + b"".join(b"line %d  \t \r\n" % i for i in range(30_000)) + b"\r\n\r\n"


class DkimSigning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder()).path
        users = cls.folder / "users"
        postroad.add_user(users, "ann", "one")
        cls.keys, cls.records = [], []
        for selector, flags in (("rsa", ()), ("ed", ("--algorithm", "ed25519-sha256"))):
            key = cls.folder / f"{selector}.pem"
            done = postroad.run("dkim", "keygen", "-o", key, "-d", "here.example", "-s", selector, *flags)
            assert done.returncode == 0, done.stderr
            cls.keys.append((selector, key))
            cls.records += ["--record", done.stdout.strip()]
        cls.settings = {
            "server": {"users": users, "hostname": "mail.here.example"}, "local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]},
            "submission": {"senders": ["ann: @other.example"]},
            "listener": [{"role": "submission", "allow_auth_in_clear": True, "smtputf8": True}, {"role": "mx"}],
            "dkim": [{"domain": "here.example", "selector": selector, "key_file": key} for selector, key in cls.keys]}
        cls.server = postroad.Server(cls.settings, folder=cls.folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def send(self, text, sender="ann@here.example", port=0):
        before = self.arrived()
        with by_hand.Session(self.server.ports[port]) as session:
            session.say("EHLO client.example")
            if port == 0:
                self.assertEqual(session.say("AUTH PLAIN AGFubgBvbmU=")[:3], "235")
            reply = session.mail(sender, ["ann@here.example"], text)
            self.assertEqual(reply[:3], "250", reply)
        new, = postroad.eventually(lambda: self.arrived() - before, self.server.process)
        return new.read_bytes()

    # Not by Server.mails(): a signature precedes the trace.
    def arrived(self):
        return set(self.server.data.glob("mail/*/new/*"))

    def verdicts(self, message):
        path = self.folder / "message.eml"
        path.write_bytes(message)
        done = postroad.run("dkim", "verify", "--json", *self.records, path)
        return sorted((one["selector"], one["result"]) for one in json.loads(done.stdout))

    def test_a_message_of_a_user_is_signed_by_all_keys_of_its_domain(self):
        for text in (b"From: ann@here.example\r\nSubject: small\r\n\r\nhello\r\n", BIG, "From: ann@here.example\r\nSubject: grüße\r\n\r\ngrüße\r\n".encode(),
                     b"From: ann@sub.here.example\r\n\r\n", b"Subject: x\r\nFrom: ann@here.example\r\n\r\n.\r\n..\r\n"):
            with self.subTest(text[:60]):
                self.assertEqual(self.verdicts(self.send(text)), [("ed", "pass"), ("rsa", "pass")])

    def test_added_fields_are_signed(self):
        message = self.send(b"From: ann@here.example\r\n\r\nhello\r\n")
        self.assertIn(b"\r\nDate: ", message)
        self.assertEqual(self.verdicts(message), [("ed", "pass"), ("rsa", "pass")])
        self.assertEqual(self.verdicts(message.replace(b"\r\nDate: ", b"\r\nDate: x")), [("ed", "fail"), ("rsa", "fail")])

    def test_other_messages_are_not_signed(self):
        for text, how in ((b"From: ann@other.example\r\n\r\nhello\r\n", {}), (b"Subject: no From\r\n\r\nhello\r\n", {}),
                          (b"From: ann@here.example\r\nFrom: b@here.example\r\n\r\nhello\r\n", {}),
                          (b"From: ann@here.example\r\n\r\nhello\r\n", {"sender": "ann@other.example"}),
                          (b"From: ann@here.example\r\n\r\nhello\r\n", {"port": 1, "sender": "x@client.example"})):
            with self.subTest(text):
                self.assertNotIn(b"DKIM-Signature", self.send(text, **how))

    def test_wrong_tables(self):
        path = self.folder / "wrong.toml"
        text = self.server.config.read_text()
        for old, new, words in ((str(self.keys[0][1]), "/nowhere/key.pem", "dkim.key_file"), ('selector = "rsa"', 'selector = "a b"', "dkim.selector"),
                                ('domain = "here.example"', 'domain = ""', "dkim.domain")):
            with self.subTest(words):
                path.write_text(text.replace(old, new))
                done = postroad.run("config", "check", "--offline", "--config", path)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
