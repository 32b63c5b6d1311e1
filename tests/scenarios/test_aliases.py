# Aliases (to several, in one another, to elsewhere) and the catch-all: where a mail ends, and that nobody gets it twice; and what
# RCPT refuses without a catch-all. Aliases that lead back to themselves are refused by the configuration.
import unittest

import postroad

MESSAGE = b"Subject: alias\r\n\r\nhello\r\n"
LOCAL = {"domains": ["here.example", "also.example"], "mailboxes": ["ann", "bob@here.example", "keeper"],
         "aliases": ["team: ann, bob", "all@here.example: team, ann@here.example", "out: friend@elsewhere.example"]}


class Aliases(unittest.TestCase):
    def send(self, server, *recipients):
        with postroad.Session(server.port) as session:
            session.say("EHLO client.example")
            return session.mail("a@client.example", recipients, MESSAGE)

    def boxes(self, server, count):
        return sorted(mail.mailbox for mail in server.wait_mail(count))

    def server(self, local=None, **more):
        return postroad.Server({"local": {**LOCAL, **(local or {})}, "listener": [{"role": "relay_in"}], **more})

    def test_a_mailbox(self):
        with self.server() as server:
            self.assertTrue(self.send(server, "ann@also.example").startswith("250"))
            self.assertEqual(self.boxes(server, 1), ["ann@also.example"])

    def test_an_alias_with_several_members(self):
        # A member without a domain lives in the first domain of the list, whatever the order of the alphabet.
        with self.server() as server:
            self.assertTrue(self.send(server, "Team@here.example").startswith("250"))
            self.assertEqual(len(self.boxes(server, 2)), 2)

    def test_aliases_in_aliases_reach_each_mailbox_once(self):
        with self.server({"domains": ["here.example"]}) as server:
            self.assertTrue(self.send(server, "all@here.example").startswith("250"))
            self.send(server, "keeper@here.example")  # marks the end: what the alias gives is there by then, or comes with it
            self.assertEqual(self.boxes(server, 3), ["ann@here.example", "bob@here.example", "keeper@here.example"])

    def test_an_alias_to_elsewhere_goes_to_the_smarthost(self):
        with postroad.FakeServer(postroad.plain_server) as elsewhere:
            with self.server(delivery={"smarthost": f"smtp://127.0.0.1:{elsewhere.port}"}) as server:
                self.assertTrue(self.send(server, "out@here.example").startswith("250"))
                self.assertEqual(self.send(server, "keeper@here.example")[:3], "250")
                self.boxes(server, 1)
            self.assertIn("RCPT TO:<friend@elsewhere.example>", elsewhere.heard)

    def test_unknown_without_a_catch_all_is_refused(self):
        with self.server() as server:
            self.assertEqual(self.send(server, "nobody@here.example")[:9], "550 5.1.1")
            self.assertEqual(self.send(server, "bob@also.example")[:9], "550 5.1.1")  # bob lives in one of the domains

    def test_catch_all(self):
        with self.server({"catch_all": "keeper@here.example"}) as server:
            self.assertTrue(self.send(server, "nobody@here.example", "nobody2@also.example").startswith("250"))
            self.send(server, "ann@here.example")
            mails = server.wait_mail(2)
            self.assertEqual(sorted({mail.mailbox for mail in mails}), ["ann@here.example", "keeper@here.example"])

    def check(self, local):
        with postroad.Folder() as folder:
            return postroad.run("config", "check", "--config", folder.write("c.toml", postroad.toml({"local": local, "listener": [{"role": "relay_in"}]})))

    def test_a_member_without_a_mailbox_is_refused_with_its_name(self):
        # Otherwise the alias is answered 250 and this member's mail is dropped in silence.
        done = self.check({**LOCAL, "aliases": ["team: ann, bbo@here.example"]})
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"team.*bbo")

    def test_a_circle_is_refused_with_its_name(self):
        done = self.check({**LOCAL, "aliases": ["one: two", "two: one"]})
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"one.*leads back to itself")

    def test_catch_all_listener_beside_others_keeps_every_mail(self):
        # The listener says that it accepts any mail for anybody: what it took must be in a mailbox.
        settings = {"local": LOCAL, "listener": [{"role": "relay_in"}, {"role": "catch_all"}]}
        with postroad.Server(settings) as server, postroad.Session(server.ports[1]) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE).startswith("250"))
            self.assertEqual(self.boxes(server, 1), ["friend@elsewhere.example"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
