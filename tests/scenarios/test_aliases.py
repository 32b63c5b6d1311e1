# Aliases (to several recipients, nested, to other domains) and the catch-all address: the final recipients, one copy for each, and
# the reply of RCPT without a catch-all. The configuration refuses aliases that form a loop.
import time
import unittest

import by_hand
import postroad

MESSAGE = b"Subject: alias\r\n\r\nhello\r\n"
LOCAL = {"domains": ["here.example", "also.example"], "mailboxes": ["ann", "bob@here.example", "keeper"],
         "aliases": ["team: ann, bob", "all@here.example: team, ann@here.example", "out: friend@elsewhere.example"]}


class Aliases(unittest.TestCase):
    def send(self, server, *recipients):
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            return session.mail("a@client.example", recipients, MESSAGE)

    def boxes(self, server, count):
        return sorted(mail.mailbox for mail in server.wait_mail(count))

    def server(self, local=None, **more):
        more.setdefault("delivery", {"smarthost": "smtp://127.0.0.1:9"})  # where no server listens
        return postroad.Server({"local": {**LOCAL, **(local or {})}, "listener": [{"role": "mx"}], **more})

    # A client must not multiply the work: a mailbox that is named twice, or by tags and aliases, gets one copy.
    def test_row_32_a_mailbox_that_is_named_often_gets_one_copy(self):
        with self.server({"domains": ["here.example"]}) as server:
            self.assertTrue(self.send(server, *["ann@here.example", "ANN@here.example"] * 20, *[f"ann+{i}@here.example" for i in range(20)],
                                      "team@here.example", "keeper@here.example").startswith("250"))
            self.assertEqual(self.boxes(server, 3), ["ann@here.example", "bob@here.example", "keeper@here.example"])
            self.assertEqual(postroad.eventually(lambda: server.events("message.accepted"))[0]["recipients"], 24)
            delivered = postroad.eventually(lambda: (lambda e: e if len(e) == 3 else None)(server.events("recipient.delivered")))
            self.assertEqual(sorted((event["to"], event.get("original")) for event in delivered),
                             [("ann@here.example", None), ("bob@here.example", "team@here.example"), ("keeper@here.example", None)])

    # Each final recipient has its own outcome: a failure hides no other outcome, and a delivered recipient is not sent to again.
    def test_row_31_members_fail_wait_and_get_it_each_on_their_own(self):
        heard = []

        def elsewhere(peer):
            peer.say("220 elsewhere.example ESMTP\r\n")
            rcpts = 0
            while True:
                line = peer.line()
                verb = line.split(" ")[0].upper()
                if verb == "RCPT":
                    heard.append(line)
                    busy = "busy@" in line and sum("busy@" in one for one in heard) < 3
                    answer = "450 4.2.1 later" if busy else "550 5.1.1 no such user" if "gone@" in line else "250 Ok"
                    rcpts += answer.startswith("250")
                    peer.say(answer + "\r\n")
                elif verb == "DATA" and rcpts:
                    peer.say("354 go on\r\n")
                    peer.text()
                    peer.say("250 Ok\r\n")
                else:
                    peer.say({"EHLO": "250 elsewhere.example", "QUIT": "221 Bye", "DATA": "554 none"}.get(verb, "250 Ok") + "\r\n")
                if verb == "MAIL":
                    rcpts = 0
                if verb == "QUIT":
                    return
        with by_hand.FakeServer(elsewhere) as host, self.server(
                {"domains": ["here.example"], "aliases": ["mixed: ann, busy@x.example, fine@x.example, gone@x.example"]},
                delivery={"smarthost": f"smtp://127.0.0.1:{host.port}"}, retry={"initial_delay": "100ms", "max_delay": "100ms"}) as server:
            self.assertTrue(self.send(server, "mixed@here.example").startswith("250"))
            done = postroad.eventually(lambda: (lambda e: e if len(e) == 4 else None)(server.events("recipient.delivered")))
            # The sender is told of the one that failed.
            self.assertEqual(sorted(event["to"] for event in done), ["a@client.example", "ann@here.example", "busy@x.example", "fine@x.example"])
            self.assertEqual([event["to"] for event in server.events("recipient.failed")], ["gone@x.example"])
            self.assertEqual(self.boxes(server, 1), ["ann@here.example"])
        counts = {name: sum(f"{name}@" in line for line in heard) for name in ("busy", "fine", "gone")}
        self.assertEqual(counts, {"busy": 3, "fine": 1, "gone": 1})

    # RCPT for a large list takes no longer than RCPT for one person.
    def test_row_32_a_large_alias_holds_nobody_up(self):
        members = ", ".join(f"m{i}" for i in range(9000))
        with self.server({"domains": ["here.example"], "mailboxes": [f"m{i}" for i in range(9000)], "aliases": [f"all: {members}"]},
                         server={"threads": 1}) as server, by_hand.Session(server.port) as asker, by_hand.Session(server.port) as other:
            asker.say("EHLO client.example")
            asker.say("MAIL FROM:<a@client.example>")
            asker.send(b"RCPT TO:<all@here.example>\r\n" * 500)
            begin = time.monotonic()
            self.assertTrue(other.say("NOOP").startswith("250"))
            self.assertLess(time.monotonic() - begin, 2)  # it was eight seconds
            for _ in range(500):
                self.assertTrue(asker.reply().startswith("250"))

    def test_a_mailbox(self):
        with self.server() as server:
            self.assertTrue(self.send(server, "ann@also.example").startswith("250"))
            self.assertEqual(self.boxes(server, 1), ["ann@also.example"])

    def test_an_alias_with_several_members(self):
        # A member without a domain belongs to the first local domain, whatever the alphabetical order.
        with self.server() as server:
            self.assertTrue(self.send(server, "Team@here.example").startswith("250"))
            self.assertEqual(len(self.boxes(server, 2)), 2)

    def test_aliases_in_aliases_reach_each_mailbox_once(self):
        with self.server({"domains": ["here.example"]}) as server:
            self.assertTrue(self.send(server, "all@here.example").startswith("250"))
            self.send(server, "keeper@here.example")  # a marker: the copies of the alias arrive before it or with it
            self.assertEqual(self.boxes(server, 3), ["ann@here.example", "bob@here.example", "keeper@here.example"])

    def test_an_alias_to_elsewhere_goes_to_the_smarthost(self):
        with by_hand.FakeServer(by_hand.plain_server) as elsewhere:
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
            return postroad.run("config", "check", "--config", folder.write("c.toml", postroad.toml({"local": local, "listener": [{"role": "mx"}]})))

    def test_a_member_without_a_mailbox_is_refused_with_its_name(self):
        # Otherwise RCPT for the alias gets 250 and this member's copy is dropped without a notice.
        done = self.check({**LOCAL, "aliases": ["team: ann, bbo@here.example"]})
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"team.*bbo")

    def test_a_circle_is_refused_with_its_name(self):
        done = self.check({**LOCAL, "aliases": ["one: two", "two: one"]})
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"one.*leads back to itself")

    def test_catch_all_listener_beside_others_keeps_every_mail(self):
        # A catcher accepts any message for any recipient, so the message must be in a mailbox.
        settings = {"local": LOCAL, "listener": [{"role": "mx"}, {"role": "catcher"}], "delivery": {"smarthost": "smtp://127.0.0.1:9"}}
        with postroad.Server(settings) as server, by_hand.Session(server.ports[1]) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE).startswith("250"))
            self.assertEqual(self.boxes(server, 1), ["friend@elsewhere.example"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
