# Lines of commands that end with a bare LF: listeners for strangers and users refuse them (SMTP smuggling), a catcher accepts them,
# as a developer may type into it. Message data: tests/transcripts/server.
import unittest

import by_hand
import postroad


class BareLf(unittest.TestCase):
    def setUp(self):
        users = self.enterContext(postroad.Folder()).path / "users"
        postroad.add_user(users, "ann", "secret")
        roles = ("mx", "submission", "catcher")
        self.server = self.enterContext(postroad.Server({
            "server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]},
            "listener": [{"role": role, **({} if role == "catcher" else {"allow_auth_in_clear": True})} for role in roles]}))
        self.ports = dict(zip(roles, self.server.ports))

    def test_a_role_for_strangers_or_users_refuses_it(self):
        for role in ("mx", "submission"):
            for before, line in (((), b"EHLO client.example\n"), (("EHLO client.example",), b"NOOP\nNOOP\r\n"), (("HELO client.example",), b"RSET\n")):
                with self.subTest(role, line=line), by_hand.Session(self.ports[role]) as session:
                    for command in before:
                        self.assertRegex(session.say(command), "^250")
                    session.send(line)
                    self.assertEqual(session.rest_until_end(), "500 5.5.2 bare LF received: lines must end with CRLF\r\n")

    def test_a_catcher_accepts_it(self):
        with by_hand.Session(self.ports["catcher"]) as session:
            for line in (b"EHLO client.example\n", b"MAIL FROM:<a@b.example>\n", b"RCPT TO:<c@d.example>\n", b"NOOP\n"):
                session.send(line)
                self.assertRegex(session.reply(), "^250", line)
            session.send(b"DATA\n")
            self.assertRegex(session.reply(), "^354")
            session.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            self.assertRegex(session.reply(), "^250")
            session.send(b"QUIT\n")
            self.assertRegex(session.reply(), "^221")


if __name__ == "__main__":
    unittest.main(verbosity=2)
