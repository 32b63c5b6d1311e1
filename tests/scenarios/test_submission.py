# Submission (RFC 6409): adds missing Date and Message-ID fields, restricts the sender to the login's addresses, handles 8-bit data.
import unittest

import by_hand
import postroad

HEADLESS = "Subject: ü\r\nTo: ann@here.example\r\n\r\nGrüße\r\n".encode()
WHOLE = b"Date: Tue, 02 Jan 2024 03:04:05 +0000\r\nSubject: whole\r\nMessage-Id: <mine@client.example>\r\n\r\nDate: not a field\r\n"


class Submission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        users = folder / "users"
        postroad.add_user(users, "ann", "one")
        postroad.add_user(users, "shop@elsewhere.example", "two")
        clear = {"role": "submission", "allow_auth_in_clear": True}
        cls.server = postroad.Server({
            "server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
            "submission": {"senders": ["ann: boss@other.example, @lists.example"]},
            "listener": [clear, {**clear, "allow_any_sender": True}, {"role": "mx", "auth": True, "allow_auth_in_clear": True}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def session(self, user="ann", password="one", port=0):
        session = self.enterContext(by_hand.Session(self.server.ports[port]))
        session.say("EHLO client.example")
        if user:
            token = postroad.base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            self.assertTrue(session.say("AUTH PLAIN " + token).startswith("235"))
        return session

    def mail_after(self, session, sender, text):
        before = {mail.path for mail in self.server.mails()}
        self.assertTrue(session.mail(sender, ["ann@here.example"], text).startswith("250"))
        arrived, = [mail for mail in self.server.wait_mail(len(before) + 1) if mail.path not in before]
        return arrived.message

    def test_missing_fields_are_added_and_nothing_else(self):
        session = self.session()
        message = self.mail_after(session, "ann@here.example", HEADLESS)
        head, body = message.split(b"\r\n\r\n", 1)
        self.assertEqual(body, HEADLESS.split(b"\r\n\r\n", 1)[1])
        self.assertTrue(head.startswith(HEADLESS.split(b"\r\n\r\n")[0] + b"\r\n"))
        self.assertRegex(head, rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n")
        self.assertRegex(head, rb"\r\nMessage-ID: <[0-9A-Z]+@mail\.test\.example>$")
        self.assertEqual(self.mail_after(session, "ann@here.example", WHOLE), WHOLE)

    # Nothing that a client sends becomes a part of the trace in front of it; the bytes that it sent stay the same.
    def test_messages_without_a_header(self):
        texts = (b"hello there\r\nsecond line\r\n", b" by evil.example; Mon, 1 Jan 2001 00:00:00 +0000\r\nSubject: y\r\n\r\nbody\r\n",
                 b"\tfolded: x\r\n", b"From a@b Mon Jan  1 00:00:00 2024\r\nSubject: y\r\n\r\nbody\r\n")
        for text in texts:
            self.assertEqual(self.mail_after(self.session(None, port=2), "x@y.example", text), b"\r\n" + text)
            head, body = self.mail_after(self.session(), "ann@here.example", text).split(b"\r\n\r\n", 1)
            self.assertEqual(body, text)
            self.assertRegex(head, rb"^Date: .*\r\nMessage-ID: <[^>]*>$")
            session = self.session(None, port=2)
            before = {mail.path for mail in self.server.mails()}
            for line in ("MAIL FROM:<x@y.example>", "RCPT TO:<ann@here.example>"):
                session.say(line)
            self.assertRegex(session.say(b"BDAT %d LAST\r\n" % len(text) + text[:-2]), "^250")
            arrived, = [mail for mail in self.server.wait_mail(len(before) + 1) if mail.path not in before]
            self.assertEqual(arrived.message, b"\r\n" + text)
        text = b"Subject: y\r\nno field\r\n"
        self.assertEqual(self.mail_after(self.session(None, port=2), "x@y.example", text), b"Subject: y\r\n\r\nno field\r\n")

    def test_a_login_is_held_to_its_names_wherever_it_logs_in(self):
        for port in (0, 2):
            session = self.session(port=port)
            self.assertRegex(session.say('MAIL FROM:<""@victim.example>'), r"^(550 5\.7\.1|501)")
            self.assertRegex(session.say("MAIL FROM:<bob@here.example>"), r"^550 5\.7\.1 sender address not owned by this login")
            self.assertTrue(session.say("MAIL FROM:<ann+news@here.example>").startswith("250"))
        refused = postroad.eventually(lambda: self.server.events("sender.refused"))
        self.assertIn(("<bob@here.example>", "ann"), {(event["from"], event["login"]) for event in refused})

    def test_other_roles_change_nothing(self):
        self.assertEqual(self.mail_after(self.session(None, port=2), "x@y.example", HEADLESS), HEADLESS)

    def test_senders(self):
        for user, password, port, sender, answer in (
                ("ann", "one", 0, "ann@here.example", "250"), ("ann", "one", 0, "boss@other.example", "250"),
                ("ann", "one", 0, "all@lists.example", "250"), ("ann", "one", 0, "", "250"),
                ("ann", "one", 0, "bob@here.example", "550 5.7.1"), ("ann", "one", 0, "ann@other.example", "550 5.7.1"),
                ("shop@elsewhere.example", "two", 0, "shop@elsewhere.example", "250"),
                ("shop@elsewhere.example", "two", 0, "ann@here.example", "550 5.7.1"),
                ("ann", "one", 1, "anybody@anywhere.example", "250")):
            self.assertTrue(self.session(user, password, port).say(f"MAIL FROM:<{sender}>").startswith(answer), (user, sender))

    def test_no_mail_before_login(self):
        self.assertTrue(self.session(None).say("MAIL FROM:<ann@here.example>").startswith("530"))

    # An 8-bit message without BODY=8BITMIME is announced to a smarthost with 8BITMIME, and sent unchanged to one without.
    def test_eight_bits_that_were_not_announced(self):
        for extensions, parameter in ((("fake.example", "8BITMIME"), " BODY=8BITMIME"), (("fake.example",), "")):
            def script(peer):
                peer.say("220 fake.example ESMTP\r\n")
                by_hand.converse(peer, ehlo=extensions)
            with by_hand.FakeServer(script) as host:
                settings = {"listener": [{"role": "mx"}], "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"}}
                with postroad.Server(settings) as server:
                    with by_hand.Session(server.port) as session:
                        session.say("EHLO client.example")
                        self.assertTrue(session.mail("a@b.example", ["c@elsewhere.example"], HEADLESS).startswith("250"))
                    postroad.eventually(lambda: server.events("recipient.delivered"))
                    server.stop()
                self.assertIn(f"MAIL FROM:<a@b.example>{parameter}", host.heard)


if __name__ == "__main__":
    unittest.main(verbosity=2)
