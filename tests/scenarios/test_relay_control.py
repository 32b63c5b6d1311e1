# Row 33 of guards.md: no open relay. Source route, percent hack, bang path, an address quoted inside a local part, the null sender:
# an unauthenticated client gets 550 5.7.1 for each. Messages for local domains, from listed networks and from logged-in users are
# accepted.
import base64
import unittest

import by_hand
import postroad

OTHER_WORDS = "550 5.7.1 Relaying denied"


class RelayControl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        postroad.add_user(folder / "users", "test", "s3cret")
        cls.elsewhere = cls.enterClassContext(by_hand.FakeServer(by_hand.plain_server))
        cls.server = postroad.Server({
            "server": {"users": folder / "users"},
            "local": {"domains": ["here.example"], "mailboxes": ["reader", "ben@here.example"]},
            "delivery": {"smarthost": f"smtp://127.0.0.1:{cls.elsewhere.port}"},
            "listener": [{"role": "mx", "auth": True, "allow_auth_in_clear": True}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def rcpt(self, recipient, sender="<stranger@elsewhere.example>", login=False):
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            if login:
                answer = session.say("AUTH PLAIN " + base64.b64encode(b"\0test\0s3cret").decode())
                self.assertTrue(answer.startswith("235"), answer)
                sender = "<test@here.example>"
            self.assertTrue(session.say(f"MAIL FROM:{sender}").startswith("250"))
            answer = session.say(f"RCPT TO:{recipient}")
            data = session.say("DATA")
            if not answer.startswith("250"):
                self.assertRegex(data, "^(503|554)")
            return answer

    def test_row_33_open_relay_attempts(self):
        for recipient in ("<victim@elsewhere.example>",
                          "<@here.example:victim@elsewhere.example>",           # source route
                          "<@here.example,@other.example:victim@elsewhere.example>",
                          "<victim%elsewhere.example@here.example>",              # percent hack
                          "<elsewhere.example!victim@here.example>",              # bang path
                          "<victim%elsewhere.example%other.example@here.example>",
                          '<"victim@elsewhere.example"@here.example>',           # quoted address
                          '<"ben@here.example"@here.example>',                   # and that of a local user
                          '<"victim%elsewhere.example"@here.example>',
                          '<"elsewhere.example!victim"@here.example>',
                          "<victim@[192.0.2.1]>", "<victim@HERE.EXAMPLE.elsewhere.example>", "<victim@xhere.example>"):
            for sender in ("<stranger@elsewhere.example>", "<>", "<reader@here.example>"):
                with self.subTest(recipient=recipient, sender=sender):
                    self.assertEqual(self.rcpt(recipient, sender)[:9], "550 5.7.1")
        self.assertEqual(self.elsewhere.heard, [])

    def test_local_mail_is_taken(self):
        for recipient in ("<reader@here.example>", "<READER@Here.Example>", "<postmaster>", "<@other.example:reader@here.example>"):
            with self.subTest(recipient=recipient):
                self.assertEqual(self.rcpt(recipient)[:3], "250")

    def test_nobody_of_that_name(self):
        self.assertEqual(self.rcpt("<nobody@here.example>")[:9], "550 5.1.1")

    def test_a_user_may_relay(self):
        self.assertEqual(self.rcpt("<friend@elsewhere.example>", login=True)[:3], "250")

    def test_a_listed_network_may_relay(self):
        settings = {"local": {"domains": ["here.example"], "mailboxes": ["reader"]}, "listener": [{"role": "mx"}],
                    "delivery": {"smarthost": f"smtp://127.0.0.1:{self.elsewhere.port}", "networks": ["127.0.0.0/8"]}}
        for networks, code in ((["127.0.0.0/8"], "250"), (["192.0.2.0/24", "::1"], "550")):
            settings["delivery"]["networks"] = networks
            with self.subTest(networks), postroad.Server(settings) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                session.say("MAIL FROM:<a@client.example>")
                self.assertEqual(session.say("RCPT TO:<friend@elsewhere.example>")[:3], code)


if __name__ == "__main__":
    unittest.main(verbosity=2)
