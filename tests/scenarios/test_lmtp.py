# LMTP (RFC 2033): our server on an LMTP listener, against our client, Python's and swaks; our client against a server that replies
# for each recipient.
import json
import smtplib
import unittest

import by_hand
from certificates import Certificates
import postroad

MESSAGE = postroad.HARD_MESSAGE
ENVELOPE = ("--from", "a@client.example", "--to", "b@x.example, c@x.example, d@x.example", "--subject", "hi", "--text", "hello")
HANG_UP = ""


class Server(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(folder)
        certificate, key = cls.certificates.make("server")
        here = {"role": "mx", "lmtp": True}
        cls.server = postroad.Server({"local": {"domains": ["here.example"], "mailboxes": ["ann", "ben"], "aliases": ["both: ann, ben"]},
                                      "listener": [here, {**here, "tls": "required", "certificate": certificate, "key": key}, {"role": "mx"}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def arrived(self, subject, count=1):
        return [mail for mail in self.server.wait_mail(count, subject=subject) if subject.encode() in mail.message]

    def named(self, subject):
        return MESSAGE.replace(b"dots and blanks", subject.encode())

    def session(self, port=0):
        session = self.enterContext(by_hand.Session(self.server.ports[port]))
        self.assertTrue(session.greeting.startswith("220"))
        return session

    def test_it_says_lhlo_and_nothing_else(self):
        session = self.session()
        for greeting in ("EHLO client.example", "HELO client.example"):
            self.assertRegex(session.say(greeting), r"^500 5\.5\.1 this is LMTP: send LHLO")
        self.assertTrue(session.say("MAIL FROM:<a@client.example>").startswith("503"))
        self.assertIn("PIPELINING", session.say("LHLO client.example"))
        self.assertIn("LHLO", session.say("HELP"))
        other = self.session(2)
        self.assertRegex(other.say("LHLO client.example"), r"^500 5\.5\.1 this is SMTP, not LMTP: send EHLO")
        self.assertTrue(other.say("EHLO client.example").startswith("250"), "the session goes on")

    def test_a_reply_for_each_recipient_that_was_taken(self):
        session = self.session()
        session.say("LHLO client.example")
        session.say("MAIL FROM:<a@client.example>")
        replies = [session.say(f"RCPT TO:<{one}@here.example>")[:3] for one in ("ann", "nobody", "ben", "ann")]
        self.assertEqual(replies, ["250", "550", "250", "250"])
        self.assertTrue(session.say("DATA").startswith("354"))
        session.send(by_hand.stuffed(self.named("each of them")))
        self.assertEqual([session.reply()[:3] for _ in range(3)], ["250"] * 3)
        self.assertTrue(session.say("NOOP").startswith("250 2.0.0"), "and none is left over")
        mails = self.arrived("each of them", 2)
        self.assertEqual(sorted(mail.mailbox for mail in mails), ["ann@here.example", "ben@here.example"], "named twice, it comes once")
        for mail in mails:
            self.assertIn(b"with LMTP", mail.received)
            postroad.same_octets(self, mail.message, self.named("each of them"))

    # RFC 2033 §4.2: without an accepted recipient there is no reply after the data.
    def test_nobody_was_taken(self):
        session = self.session()
        session.say("LHLO client.example")
        session.say("MAIL FROM:<a@client.example>")
        self.assertTrue(session.say("RCPT TO:<nobody@here.example>").startswith("550"))
        self.assertRegex(session.say("DATA"), "^5(03|54)")
        self.assertTrue(session.say("NOOP").startswith("250"))

    def test_by_chunks(self):
        session = self.session()
        session.say("LHLO client.example")
        session.say("MAIL FROM:<a@client.example>")
        for one in ("ann", "ben"):
            session.say(f"RCPT TO:<{one}@here.example>")
        text = self.named("by chunks")
        session.send(b"BDAT %d\r\n" % 100 + text[:100])
        self.assertTrue(session.reply().startswith("250"))
        session.send(b"BDAT %d LAST\r\n" % len(text[100:]) + text[100:])
        self.assertEqual([session.reply()[:3] for _ in range(2)], ["250"] * 2)
        self.assertTrue(session.say("NOOP").startswith("250 2.0.0"))
        for mail in self.arrived("by chunks", 2):
            postroad.same_octets(self, mail.message, text)

    def test_pipelined_whole(self):
        session = self.session()
        text = self.named("in one packet")
        session.send(b"LHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<ann@here.example>\r\nRCPT TO:<ben@here.example>\r\nDATA\r\n"
                     + by_hand.stuffed(text) + b"QUIT\r\n")
        self.assertEqual([session.reply()[:3] for _ in range(8)], ["250", "250", "250", "250", "354", "250", "250", "221"])
        self.arrived("in one packet", 2)

    def test_pythons_client(self):
        with smtplib.LMTP(postroad.HOST, self.server.port) as client:
            refused = client.sendmail("a@client.example", ["ann@here.example", "nobody@here.example"], self.named("from python"))
        self.assertEqual({to: reply[0] for to, reply in refused.items()}, {"nobody@here.example": 550})
        self.assertEqual([mail.mailbox for mail in self.arrived("from python")], ["ann@here.example"])

    def test_swaks(self):
        swaks = postroad.need_program("swaks")
        done = postroad.run_program(swaks, "--protocol", "LMTP", "--server", f"127.0.0.1:{self.server.port}", "--from", "a@client.example",
                                    "--to", "ann@here.example,ben@here.example", "--header", "Subject: from swaks")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("LHLO", done.stdout)
        self.assertEqual(sorted(mail.mailbox for mail in self.arrived("from swaks", 2)), ["ann@here.example", "ben@here.example"])

    def test_our_client(self):
        for i, (url, flags, port) in enumerate((("smtp://localhost:{}", ["--lmtp"], 0), ("lmtp://localhost:{}", [], 0),
                                                ("lmtp://localhost:{}", ["--require-tls", "--ca-file", self.certificates.ca], 1),
                                                ("lmtp://localhost:{}", ["--no-pipelining"], 0), ("lmtp://localhost:{}", ["--chunking", "preferred"], 0))):
            subject = f"ours {i}."
            done = postroad.run("send", "--server", url.format(self.server.ports[port]), *flags, "--json", "--from", "a@client.example", "--to",
                                "ann@here.example, nobody@here.example, ben@here.example, both@here.example", "--subject", subject, "--text", "hi")
            self.assertEqual(done.returncode, 69, done.stderr)
            outcomes = [(one["outcome"], one["stage"]) for one in json.loads(done.stdout)["recipients"]]
            taken = ("accepted", "END OF DATA")
            self.assertEqual(outcomes, [taken, ("refused", "RCPT TO"), taken, taken])
            mails = self.arrived(subject, 2)
            self.assertEqual(sorted(mail.mailbox for mail in mails), ["ann@here.example", "ben@here.example"])
            self.assertIn(b"with LMTPS" if port else b"with LMTP", mails[0].received)

    def test_each_kind_against_the_other(self):
        for url in (f"lmtp://localhost:{self.server.ports[2]}", f"smtp://localhost:{self.server.port}"):
            done = postroad.run("send", "--server", url, "--from", "a@client.example", "--to", "ann@here.example", "--text", "hi")
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr + done.stdout, "this is (LMTP|SMTP)")


class Client(unittest.TestCase):
    """Against a server whose replies to the data are these, one per recipient."""

    def send(self, replies, *flags, code, rcpt=None, envelope=ENVELOPE):
        def script(peer):
            answers = iter(rcpt or [])
            peer.say("220 fake.example LMTP\r\n")
            while True:
                line = peer.line()
                verb = line.split(" ")[0].upper()
                if verb == "LHLO":
                    peer.say("250-fake.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n")
                elif verb == "RCPT":
                    peer.say(next(answers, "250 2.1.5 Ok") + "\r\n")
                elif verb == "DATA":
                    peer.say("354 go on\r\n")
                    peer.text()
                    for reply in replies:
                        if reply == HANG_UP:
                            return
                        peer.say(reply + "\r\n")
                elif verb in ("EHLO", "HELO"):
                    peer.say("500 this is LMTP\r\n")
                else:
                    peer.say("250 2.0.0 Ok\r\n" if verb != "QUIT" else "221 Bye\r\n")
        with by_hand.FakeServer(script) as fake:
            done = postroad.run("send", "--server", f"lmtp://127.0.0.1:{fake.port}", "--json", *envelope, *flags)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn("LHLO", fake.heard[0])
        report = json.loads(done.stdout)
        return [(one["address"][0], one["outcome"], one["stage"], one["code"]) for one in report["recipients"]], report, fake.heard

    def test_differing_replies(self):
        for flags in ([], ["--no-pipelining"]):
            outcomes, report, heard = self.send(["250 2.1.5 done", "452 4.2.2 mailbox full", "550 5.2.1 disabled"], *flags, code=69)
            self.assertEqual(outcomes, [("b", "accepted", "END OF DATA", 250), ("c", "deferred", "END OF DATA", 452), ("d", "refused", "END OF DATA", 550)])
            self.assertIsNone(report["error"])
            self.assertEqual(heard[-1], "QUIT")

    def test_all_alike(self):
        self.assertEqual({one[1] for one in self.send(["250 ok"] * 3, code=0)[0]}, {"accepted"})
        self.assertEqual({one[1] for one in self.send(["451 later"] * 3, code=75)[0]}, {"deferred"})

    # The replies are for the accepted recipients, in their order.
    def test_a_recipient_that_was_refused_has_no_reply_behind_the_text(self):
        outcomes, _, _ = self.send(["250 ok", "550 5.2.1 disabled"], code=69, rcpt=["250 ok", "550 5.1.1 nobody", "250 ok"])
        self.assertEqual(outcomes, [("b", "accepted", "END OF DATA", 250), ("c", "refused", "RCPT TO", 550), ("d", "refused", "END OF DATA", 550)])

    # Recipients with a reply keep it; the others are unknown.
    def test_a_server_that_hangs_up_between_the_replies(self):
        outcomes, report, _ = self.send(["250 2.1.5 done", HANG_UP], code=75)
        self.assertEqual([one[:2] for one in outcomes], [("b", "accepted"), ("c", "unknown"), ("d", "unknown")])
        self.assertTrue(report["error"]["may_have_been_delivered"])

    def test_goodbye_between_the_replies(self):
        outcomes, _, _ = self.send(["250 2.1.5 done", "421 4.3.2 going down", HANG_UP], code=75)
        self.assertEqual(outcomes[0][:2], ("b", "accepted"))
        self.assertNotIn("accepted", {one[1] for one in outcomes[1:]})

    def test_ehlo_is_never_said(self):
        for url, flags in (("smtp://127.0.0.1:{}", ["--lmtp"]), ("lmtp://127.0.0.1:{}", [])):
            with by_hand.FakeServer(lambda peer: (peer.say("220 fake.example LMTP\r\n"), peer.line(), peer.say("500 what?\r\n"), peer.line(), peer.line())) as fake:
                done = postroad.run("send", "--server", url.format(fake.port), *flags, *ENVELOPE)
            self.assertNotEqual(done.returncode, 0)
            self.assertFalse([line for line in fake.heard if line[:4] in ("EHLO", "HELO", "MAIL")], fake.heard)


if __name__ == "__main__":
    unittest.main(verbosity=2)
