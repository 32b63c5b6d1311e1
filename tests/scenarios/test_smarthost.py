# Relaying to the smarthost: the parameters of the sender are sent on (row 29 of guards.md), each recipient keeps its own outcome
# (row 31), a deferral is retried, and user and password are sent under TLS only.
import unittest

import by_hand
from certificates import Certificates, server_context
import postroad

MESSAGE = "Subject: grüße\r\n\r\nhello\r\n".encode()


class Smarthost(unittest.TestCase):
    def relay(self, script, recipients=("friend@elsewhere.example",), parameters="", event="recipient.delivered", count=None, query="", retry=None, **delivery):
        """Sends one message through our server to a fake smarthost; returns the commands that it received and the events."""
        with by_hand.FakeServer(script) as host:
            settings = {"listener": [{"role": "mx"}],
                        "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}{query}", **delivery}, "retry": retry or {}}
            with postroad.Server(settings) as server:
                with by_hand.Session(server.port) as session:
                    session.say("EHLO client.example")
                    self.assertTrue(session.say(f"MAIL FROM:<a@client.example>{parameters}").startswith("250"))
                    for recipient in recipients:
                        self.assertTrue(session.say(f"RCPT TO:<{recipient}>").startswith("250"))
                    session.say("DATA")
                    session.send(MESSAGE + b".\r\n")
                    self.assertTrue(session.reply().startswith("250"))
                    session.say("QUIT")
                found = postroad.eventually(lambda: (lambda got: got if len(got) >= (count or len(recipients)) else None)(server.events(event)),
                                            server.process)
                server.stop()
            return [peer.heard for peer in host.peers], found

    def test_row_29_what_the_sender_asked_for_is_asked_again(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "8BITMIME", "SMTPUTF8"))
        (heard,), _ = self.relay(script, parameters=" BODY=8BITMIME SMTPUTF8")
        self.assertIn("MAIL FROM:<a@client.example> BODY=8BITMIME SMTPUTF8", heard)
        self.assertEqual(heard[-1], "QUIT")

    def test_row_29_what_the_smarthost_cannot_do_is_a_failure_with_its_name(self):
        _, events = self.relay(by_hand.plain_server, parameters=" BODY=8BITMIME SMTPUTF8", event="recipient.failed")
        self.assertIn("SMTPUTF8", events[0]["note"])

    def test_row_31_each_recipient_has_its_own_outcome(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            answers = iter(("250 2.1.5 Ok", "550 5.1.1 no such user"))
            while True:
                line = peer.line()
                if line.startswith("RCPT"):
                    peer.say(next(answers) + "\r\n")
                elif line.startswith("DATA"):
                    peer.say("354 go on\r\n")
                    peer.text()
                    peer.say("250 2.0.0 Ok: taken\r\n")
                else:
                    peer.say("250 Ok\r\n")
        _, delivered = self.relay(script, recipients=("good@elsewhere.example", "bad@elsewhere.example"), count=1)
        self.assertEqual([event["to"] for event in delivered], ["good@elsewhere.example"])
        _, failed = self.relay(script, recipients=("good@elsewhere.example", "bad@elsewhere.example"), event="recipient.failed", count=1)
        self.assertEqual([(event["to"], event["note"]) for event in failed], [("bad@elsewhere.example", "550 5.1.1 no such user")])

    def test_a_silent_smarthost_does_not_hold_up_mail_for_here(self):
        with by_hand.FakeServer(lambda peer: peer.line()) as silent:
            settings = {"listener": [{"role": "mx"}], "limits": {"drain": "100ms"}, "local": {"domains": ["here.example"], "mailboxes": ["reader"]},
                        "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{silent.port}"}}
            with postroad.Server(settings) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                for i in range(5):
                    self.assertTrue(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE).startswith("250"))
                both = ["friend@elsewhere.example", "reader@here.example"]
                self.assertTrue(session.mail("a@client.example", both, MESSAGE).startswith("250"))
                mail, = server.wait_mail(1)
                self.assertEqual(mail.mailbox, "reader@here.example")

    # RFC 5321 section 4.5.3.1.10: the others go at once, and not after the retry's delay.
    def test_recipients_beyond_the_smarthosts_limit_go_at_once(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            taken = 0
            while True:
                line = peer.line()
                if line.startswith("MAIL"):
                    taken = 0
                if line.startswith("RCPT"):
                    taken += 1
                    peer.say("250 2.1.5 Ok\r\n" if taken <= 10 else "452 4.5.3 too many recipients\r\n")
                elif line.startswith("DATA"):
                    peer.say("354 go on\r\n")
                    peer.text()
                    peer.say("250 2.0.0 Ok: taken\r\n")
                else:
                    peer.say("250 Ok\r\n")
        recipients = [f"r{i}@elsewhere.example" for i in range(35)]
        _, events = self.relay(script, recipients=recipients, retry={"initial_delay": "1h"})
        self.assertEqual(sorted(event["to"] for event in events), sorted(recipients))
        self.assertEqual({event["attempts"] for event in events}, {1})

    def test_a_corrected_smarthost_gets_what_waits_and_what_comes_at_once(self):
        with by_hand.FakeServer(lambda peer: None) as gone:
            port = gone.port
        with by_hand.FakeServer(by_hand.plain_server) as host:
            delivery = {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{port}"}
            settings = {"listener": [{"role": "mx"}], "delivery": delivery, "retry": {"initial_delay": "1h"}, "log": {"format": "json", "level": "debug"}}
            with postroad.Server(settings) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                self.assertTrue(session.mail("a@client.example", ["first@elsewhere.example"], MESSAGE).startswith("250"))
                postroad.eventually(lambda: server.events("recipient.deferred"), server.process)
                server.config.write_text(server.config.read_text().replace(f"127.0.0.1:{port}", f"127.0.0.1:{host.port}"))
                self.assertEqual(postroad.run("serve", "--reload", "--config", server.config).returncode, 0)
                self.assertTrue(session.mail("a@client.example", ["second@elsewhere.example"], MESSAGE).startswith("250"))
                found = postroad.eventually(
                    lambda: (lambda got: got if len(got) == 2 else None)(server.events("recipient.delivered")), server.process)
                self.assertEqual({event["to"] for event in found}, {"first@elsewhere.example", "second@elsewhere.example"})

    # The reader of the log edits the file of the server: flags of `postroad send` are of no use there.
    def test_a_tls_failure_names_the_options_of_the_server(self):
        certificates = Certificates(self.enterContext(postroad.Folder()).path)

        def note_of(pair):
            context = server_context(*pair)

            def script(peer):
                peer.say("220 fake.example ESMTP\r\n")
                by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
                peer.say("220 go on\r\n")
                peer.starttls(context)
                by_hand.converse(peer)
            return self.relay(script, event="recipient.deferred")[1][0]["note"]
        remedy = r"trust it as a CA certificate \(delivery\.smarthost_ca_file\)$"
        self.assertRegex(note_of(certificates.make("lone", signed_by_ca=False)), remedy)
        self.assertRegex(note_of(certificates.make("unknown")), r"trust the CA that signed it \(delivery\.smarthost_ca_file\), or the server must")

    def test_a_password_is_not_sent_without_tls_and_no_option_of_the_server_permits_it(self):
        (heard, *_), events = self.relay(by_hand.plain_server, event="recipient.deferred", query="?tls=never", smarthost_user="ann", smarthost_password="pw")
        self.assertRegex(events[0]["note"], "the password is not sent without TLS, and this connection has none; "
                         r"use TLS, or remove delivery\.smarthost_user and delivery\.smarthost_password$")
        self.assertFalse([line for line in heard if line.startswith("AUTH")])

    def test_an_empty_password_names_the_option_of_the_server(self):
        certificates = Certificates(self.enterContext(postroad.Folder()).path)
        context = server_context(*certificates.make("good", san="IP:127.0.0.1"))

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(context)
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"))
        _, events = self.relay(script, event="recipient.deferred", smarthost_user="ann", smarthost_ca_file=certificates.ca)
        self.assertRegex(events[0]["note"], r"AUTH: the password is empty; set delivery\.smarthost_password$")

    # A message with TLS-Required: No needs a pool of its own, which needs a thread.
    def test_without_a_thread_for_its_pool_a_message_waits_and_the_server_goes_on(self):
        with by_hand.FakeServer(by_hand.plain_server) as host:
            settings = {"listener": [{"role": "mx"}], "log": {"format": "json", "level": "debug"},
                        "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"}, "retry": {"initial_delay": "100ms"}}
            with postroad.Server(settings) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                with postroad.no_more_threads(server.pid):
                    reply = session.mail("a@client.example", ["friend@elsewhere.example"], b"TLS-Required: No\r\n\r\nhello\r\n")
                    self.assertTrue(reply.startswith("250"), reply)
                    event = postroad.eventually(lambda: server.events("recipient.deferred"), server.process)[0]
                    self.assertIn("the attempt cannot begin", event["note"])
                postroad.eventually(lambda: server.events("recipient.delivered"), server.process)

    # RFC 1047: the smarthost may have the message. A restart sends it no second time either; a reload to "retry" does.
    def test_a_message_whose_reply_was_lost_is_parked_where_the_operator_wants_it(self):
        def lose_the_reply(peer):
            host.script = by_hand.plain_server
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")

        def hand_in(text):
            with by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                message = f"Subject: x\r\n\r\n{text}\r\n".encode()
                self.assertTrue(session.mail("a@client.example", ["friend@elsewhere.example"], message).startswith("250"))

        def delivered(count):
            return postroad.eventually(lambda: (lambda got: got if len(got) == count else None)(server.events("recipient.delivered")))

        def sent():
            return [line for line in host.heard if line in ("first", "second", "third")]
        host = self.enterContext(by_hand.FakeServer(lose_the_reply))
        settings = {"listener": [{"role": "mx"}],
                    "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"},
                    "retry": {"unknown": "park", "initial_delay": "50ms", "max_delay": "50ms"}}
        server = self.enterContext(postroad.Server(settings))
        hand_in("first")
        unknown, = postroad.eventually(lambda: server.events("recipient.unknown"))
        self.assertIn("closed the connection", unknown["note"])
        hand_in("second")
        delivered(1)
        self.assertEqual(server.stop(), 0)
        server.start()
        hand_in("third")
        delivered(2)
        self.assertEqual(sent(), ["first", "second", "third"])
        server.config.write_text(server.config.read_text().replace('"park"', '"resend"'))
        done = postroad.run("serve", "--reload", "--config", server.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(delivered(3)[-1]["id"], unknown["id"])
        self.assertEqual(sent(), ["first", "second", "third", "first"])

    def test_a_deferral_is_tried_again(self):
        tries = []

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while True:
                line = peer.line()
                if line.startswith("RCPT"):
                    tries.append(line)
                    peer.say("250 2.1.5 Ok\r\n" if len(tries) > 2 else "451 4.2.0 later\r\n")
                elif line.startswith("DATA"):
                    peer.say("354 go on\r\n")
                    peer.text()
                    peer.say("250 2.0.0 Ok: taken\r\n")
                else:
                    peer.say("250 Ok\r\n")
        self.relay(script, retry={"initial_delay": "20ms", "max_delay": "40ms"})
        self.assertEqual(len(tries), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
