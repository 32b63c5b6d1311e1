# The end of the server: after SIGTERM a message in progress is completed, all other sessions get 421, and the server exits with 0
# within limits.drain even if clients or the smarthost are silent. Accepted messages that were not delivered are delivered after the
# next start.
import socket
import threading
import time
import unittest

import by_hand
from certificates import Certificates
import postroad

MESSAGE = b"Subject: stop\r\n\r\nhello\r\n"


class Stop(unittest.TestCase):
    def server(self, **more):
        return postroad.Server({"listener": [{}], "limits": {"drain": "2s"}, **more})

    def end(self, server):
        begin = time.monotonic()
        code = server.wait_end(20)
        self.assertEqual(code, 0, server.log)
        return time.monotonic() - begin

    def test_idle_sessions_hear_421_at_once(self):
        with self.server(limits={"drain": "15s"}) as server:
            with by_hand.Session(server.port) as fresh, by_hand.Session(server.port) as greeted:
                greeted.say("EHLO client.example")
                server.terminate()
                for session in (fresh, greeted):
                    self.assertRegex(session.rest_until_end(), r"^421 4\.3\.2 .*\r\n$")
            self.assertLess(self.end(server), 10)

    # A client that never answers the 334, or never begins the handshake, does not use up the drain.
    def test_sessions_in_auth_and_starttls_end_at_once(self):
        with postroad.Folder() as folder:
            certificate, key = Certificates(folder.path).make("server")
            users = folder.path / "users"
            postroad.add_user(users, "ann", "secret")
            listener = {"role": "mx", "auth": True, "allow_auth_in_clear": True, "tls": "offered", "certificate": certificate, "key": key}
            with self.server(limits={"drain": "60s"}, listener=[listener, {**listener, "tls": "implicit"}], server={"users": users},
                             local={"domains": ["here.example"], "mailboxes": ["postmaster"]}) as server:
                with by_hand.Session(server.port) as auth, by_hand.Session(server.port) as tls, \
                        by_hand.Session(server.ports[1], greet=False) as silent:
                    for session in (auth, tls):
                        session.say("EHLO client.example")
                    self.assertRegex(auth.say("AUTH LOGIN"), "^334 ")
                    self.assertRegex(tls.say("STARTTLS"), "^220 ")
                    postroad.eventually(lambda: len(server.events("session.opened")) == 3)
                    server.terminate()
                    self.assertRegex(auth.rest_until_end(), r"^421 4\.3\.2 .*\r\n$")
                    self.assertEqual(tls.rest_until_end(), "")
                    self.assertEqual(silent.rest_until_end(), "")
                    self.assertLess(self.end(server), 20)
                self.assertEqual([event["ending"] for event in server.events("session.closed")], ["stopped"] * 3)
                self.assertEqual(server.events("tls.failed"), [])

    def test_a_mail_under_way_may_end(self):
        with self.server(limits={"drain": "15s"}) as server:
            with by_hand.Session(server.port) as session, by_hand.Session(server.port) as witness:
                for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@x.example>", "DATA"):
                    session.say(line)
                session.send(MESSAGE[:10])
                server.terminate()
                witness.rest_until_end()  # now the server is stopping
                session.send(MESSAGE[10:] + b".\r\n")
                self.assertRegex(session.reply(), "^250 2.0.0 Ok: queued as")
                self.assertRegex(session.rest_until_end(), r"^421 ")
            self.end(server)
            server.start()
            mail, = server.wait_mail(1)
            self.assertEqual(mail.message, MESSAGE)

    def test_a_client_that_stays_silent_in_data_holds_it_no_longer_than_drain(self):
        with self.server() as server, by_hand.Session(server.port) as session:
            for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@x.example>", "DATA"):
                session.say(line)
            session.send("Subject: half")
            server.terminate()
            self.assertLess(self.end(server), 10)
            server.start()

    def test_who_asks_twice_does_not_wait(self):
        with self.server(limits={"drain": "60s"}) as server, by_hand.Session(server.port) as session:
            for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@x.example>", "DATA"):
                session.say(line)
            server.terminate()
            postroad.eventually(lambda: server.events("server.stopping"))
            server.terminate()
            self.assertLess(self.end(server), 20)

    def test_a_silent_smarthost_holds_it_no_longer_than_drain(self):
        with by_hand.FakeServer(lambda peer: peer.line()) as silent:
            settings = {"listener": [{"role": "mx"}],
                        "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{silent.port}"}}
            with self.server(**settings) as server:
                with by_hand.Session(server.port) as session:
                    session.say("EHLO client.example")
                    self.assertRegex(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE), "^250")
                    session.say("QUIT")
                server.terminate()
                try:
                    self.end(server)
                except Exception:
                    server.kill()
                    self.fail("20 s after SIGTERM the server still waits for the smarthost's greeting (limits.drain is 2 s)")

    # getaddrinfo cannot be interrupted. The name server, in a mount namespace with its own resolv.conf, receives the query only.
    def test_a_name_of_the_smarthost_that_is_not_answered_does_not_hold_it(self):
        names = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        names.settimeout(20)
        try:
            names.bind(("127.0.0.77", 53))
        except OSError as error:
            self.skipTest(f"not applicable: this user may not bind port 53: {error}")
        conf = self.enterContext(postroad.Folder()).write("resolv.conf", "nameserver 127.0.0.77\noptions timeout:30 attempts:5\n")
        wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf]
        if postroad.run_program(*wrapper, "true").returncode != 0:
            self.skipTest("not applicable: this user may make no mount namespace")
        server = self.enterContext(postroad.Server(
            {"listener": [{"role": "mx"}], "limits": {"drain": "60s"},
             "delivery": {"networks": ["127.0.0.1"], "smarthost": "smtp://smarthost.test.example"}}, wrapper=wrapper))
        self.hand_in(server)
        self.assertIn(b"\x09smarthost\x04test\x07example", names.recv(512))
        server.terminate()
        self.assertLess(self.end(server), 20)
        self.assertEqual(server.events("recipient.deferred"), [], "it counts as no attempt")

    def relay(self, script, drain="60s", **delivery):
        """A server with a message for a smarthost that is played by `script`."""
        host = self.enterContext(by_hand.FakeServer(script))
        server = self.enterContext(self.server(listener=[{"role": "mx"}], limits={"drain": drain}, log={"format": "json", "level": "debug"},
                                               delivery={"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}", **delivery}))
        self.hand_in(server)
        return server

    def hand_in(self, server):
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            self.assertRegex(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE), "^250")
            session.say("QUIT")

    # Nothing can have been delivered before the final dot: the stop does not wait for the reply.
    def test_an_attempt_that_has_not_sent_its_message_does_not_hold_it(self):
        for verb in ("", "MAIL", "RCPT", "DATA"):
            reached = threading.Event()

            def script(peer):
                if verb:
                    peer.say("220 fake.example ESMTP\r\n")
                while verb and not peer.line().startswith(verb):
                    peer.say("250 Ok\r\n")
                reached.set()
                peer.line()
            with self.subTest(verb):
                server = self.relay(script)
                self.assertTrue(reached.wait(20))
                server.terminate()
                self.assertLess(self.end(server), 20)
                self.assertEqual(server.events("recipient.deferred"), [], "it counts as no attempt")

    def test_a_reply_to_a_final_dot_is_waited_for(self):
        dot, stopping = threading.Event(), threading.Event()

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            peer.text()
            dot.set()
            stopping.wait(20)
            peer.say("250 2.0.0 Ok\r\n")
            by_hand.converse(peer)
        server = self.relay(script)
        self.assertTrue(dot.wait(20))
        with by_hand.Session(server.port) as witness:
            server.terminate()
            witness.rest_until_end()
        stopping.set()
        self.assertLess(self.end(server), 20)
        self.assertEqual(len(server.events("recipient.delivered")), 1)

    def test_a_reply_that_does_not_come_leaves_a_note(self):
        dot = threading.Event()

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            peer.text()
            dot.set()
            peer.line()
        server = self.relay(script, drain="200ms")
        self.assertTrue(dot.wait(20))
        server.terminate()
        self.end(server)
        event, = server.events("recipient.deferred")
        self.assertIn("may have been delivered", event["note"])

    # The next process has all of its time for it.
    def test_a_message_that_is_taken_during_the_stop_is_not_sent_by_this_process(self):
        connections = []
        with by_hand.FakeServer(connections.append) as host:
            with self.server(listener=[{"role": "mx"}], limits={"drain": "60s"},
                             delivery={"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"}) as server:
                with by_hand.Session(server.port) as session, by_hand.Session(server.port) as witness:
                    for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<friend@elsewhere.example>", "DATA"):
                        session.say(line)
                    server.terminate()
                    witness.rest_until_end()
                    session.send(MESSAGE + b".\r\n")
                    self.assertRegex(session.reply(), "^250")
                self.assertLess(self.end(server), 20)
            self.assertEqual(connections, [])

    def test_mail_for_a_smarthost_survives_the_stop(self):
        with postroad.Folder() as folder:
            with by_hand.FakeServer(lambda peer: None) as gone:
                port = gone.port
            network = {"listener": [{"role": "mx"}], "limits": {"drain": "2s"}}
            with postroad.Server({**network, "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{port}"},
                                  "retry": {"initial_delay": "100ms"}},
                                 folder=folder.path) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                self.assertRegex(session.mail("a@client.example", ["friend@elsewhere.example"], MESSAGE), "^250")
                session.say("QUIT")
            taken = []

            def take(peer):
                peer.say("220 fake.example ESMTP\r\n")
                by_hand.converse(peer, until="DATA")
                peer.say("354 go on\r\n")
                taken.append(peer.text())
                arrived.set()
                peer.say("250 2.0.0 Ok\r\n")
                by_hand.converse(peer)
            arrived = threading.Event()
            with by_hand.FakeServer(take) as back:
                with postroad.Server({**network, "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{back.port}"}},
                                     folder=folder.path):
                    self.assertTrue(arrived.wait(20), "the mail was not sent after the next start")
            self.assertEqual(taken[0][-1], "hello")


if __name__ == "__main__":
    unittest.main(verbosity=2)
