# XCLIENT: a trusted proxy names its client. From then on the log, Received, the limits and the relay control apply to that client;
# XCLIENT is not offered to others. Also `postroad send --xclient`, which sends it.
import unittest

import by_hand
from certificates import Certificates, client_context
import postroad

TEXT = b"Subject: spoken for\r\n\r\nhello\r\n"
CLIENT = "203.0.113.7"


class Xclient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(folder)
        certificate, key = cls.certificates.make("server")
        users = folder / "users"
        postroad.add_user(users, "ann", "one")
        here = {"role": "mx", "xclient_from": ["127.0.0.1"]}
        cls.server = postroad.Server({
            "server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["ann", "ben"]},
            "listener": [{**here, "tls": "offered", "certificate": certificate, "key": key, "auth": True, "allow_auth_in_clear": True},
                         {**here, "only_from": [CLIENT, "127.0.0.1"]}, {**here, "relay_from": [CLIENT]},
                         {**here, "role": "submission", "tls": "required", "certificate": certificate, "key": key}, {"role": "mx"}],
            "delivery": {"smarthost": "smtp://127.0.0.1:9"}}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def session(self, port=0, server=None, **how):
        session = self.enterContext(by_hand.Session((server or self.server).ports[port], **how))
        session.say("EHLO proxy.example")
        return session

    def spoken_for(self, words, port=0, server=None):
        session = self.session(port, server)
        self.assertRegex(session.say("XCLIENT " + words), "^220 mail.test.example ESMTP")
        return session

    def event(self, name, test, server=None):
        server = server or self.server
        return postroad.eventually(lambda: next((e for e in server.events(name) if test(e)), None), server.process, name)

    def test_it_is_listed_for_those_who_are_trusted(self):
        self.assertRegex(self.session().say("EHLO proxy.example"), r"(?m)^250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT$")
        self.assertIn("XCLIENT", self.session().say("HELP"))
        for session in (self.session(source="127.0.0.2"), self.session(port=4)):
            self.assertNotIn("XCLIENT", session.say("EHLO proxy.example"))
            self.assertNotIn("XCLIENT", session.say("HELP"))

    def test_others_hear_550_and_stay_themselves(self):
        for session in (self.session(source="127.0.0.2"), self.session(port=4)):
            self.assertRegex(session.say(f"XCLIENT ADDR={CLIENT} LOGIN=ann"), r"^550 5\.7\.0 ")
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"), "the session goes on")
        accepted = self.event("message.accepted", lambda e: e["client"].startswith("[127.0.0.2]"))
        self.assertFalse(accepted["login"])

    def test_log_and_received_name_the_client(self):
        session = self.spoken_for(f"ADDR={CLIENT} PORT=4711 NAME=client.example PROTO=ESMTP HELO=client.example LOGIN=ann DESTADDR=192.0.2.1 DESTPORT=25")
        self.assertRegex(session.say("MAIL FROM:<ann@here.example>"), r"^503 ", "the dialogue begins anew")
        session.say("EHLO client.example")
        self.assertTrue(session.mail("ann@here.example", ["ann@here.example"], TEXT.replace(b"for", b"for one")).startswith("250"))
        event = self.event("message.accepted", lambda e: e["client"] == f"[{CLIENT}]:4711")
        self.assertEqual((event["login"], event["protocol"]), ("ann", "ESMTPA"))
        received = next(m for m in self.server.wait_mail(1, subject="spoken for one") if b"for one" in m.octets).received.decode()
        self.assertIn(f"from client.example ([{CLIENT}])", received)
        self.assertIn("with ESMTPA", received)
        session.say("QUIT")
        closed = self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4711")
        self.assertEqual((closed["helo"], closed["login"]), ("client.example", "ann"))

    def test_the_name_is_known_until_the_client_says_another(self):
        session = self.spoken_for(f"ADDR={CLIENT} PORT=4712 HELO=told.example")
        session.say("QUIT")
        self.assertEqual(self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4712")["helo"], "told.example")

    def test_ipv6_and_unavailable(self):
        for i, (words, client) in enumerate((("ADDR=IPV6:2001:db8::7 PORT=4720", "[IPv6:2001:db8::7]:4720"), ("addr=ipv6:2001:db8::8 port=4721", "[IPv6:2001:db8::8]:4721"),
                                             ("ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] LOGIN=[UNAVAILABLE] NAME=[TEMPUNAVAIL]", "[unknown]"),
                                             ("NAME=client.example", "[127.0.0.1]:"), ("ADDR=192+2E0.2.9 PORT=4722", "[192.0.2.9]:4722"))):
            session = self.spoken_for(words)
            session.say(f"EHLO n{i}.example")
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
            session.say("QUIT")
            closed = self.event("session.closed", lambda e: e["helo"] == f"n{i}.example")
            self.assertTrue(closed["client"].startswith(client), closed)
            self.assertFalse(closed["login"])

    def test_what_was_before_is_forgotten(self):
        session = self.session()
        token = postroad.base64.b64encode(b"\0ann\0one").decode()
        self.assertTrue(session.say("AUTH PLAIN " + token).startswith("235"))
        session.say("MAIL FROM:<ann@here.example>")
        self.assertTrue(session.say(f"XCLIENT ADDR={CLIENT}").startswith("503"), "not inside a transaction")
        session.say("RSET")
        self.assertTrue(session.say(f"XCLIENT ADDR={CLIENT} PORT=4730").startswith("220"))
        session.say("EHLO client.example")
        session.say("QUIT")
        self.assertFalse(self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4730")["login"], "the proxy's own login is not the client's")

    # The certificate of the connection belongs to the proxy.
    def test_the_proxys_certificate_logs_nobody_in(self):
        folder = self.enterContext(postroad.Folder()).path
        certificates = Certificates(folder)
        certificate, key = certificates.make("server")
        postroad.add_user(folder / "users", "ann", "one")
        server = self.enterContext(postroad.Server({"server": {"users": folder / "users"}, "listener": [
            {"tls": "required", "certificate": certificate, "key": key, "client_ca": certificates.ca, "auth": True, "xclient_from": ["127.0.0.1"]}]}))
        context = client_context(certificates.ca)
        context.load_cert_chain(*certificates.make("proxy"))
        session = self.session(server=server)
        session.say("STARTTLS")
        session.starttls(context)
        self.assertRegex(session.say("EHLO proxy.example"), r"(?m)^250-AUTH EXTERNAL SCRAM-SHA-256-PLUS ")
        session.say(f"XCLIENT ADDR={CLIENT}")
        self.assertRegex(session.say("EHLO client.example"), r"(?m)^250-AUTH SCRAM-SHA-256 ")
        self.assertTrue(session.say("AUTH EXTERNAL =").startswith("504"))

    def test_what_one_login_may_do_holds_whoever_checked_it(self):
        server = self.enterContext(postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]}, "listener": [{"role": "mx", "xclient_from": ["127.0.0.1"]}],
            "logins": {"messages": "2/h", "sessions": 1}}))
        session = self.spoken_for(f"ADDR={CLIENT} LOGIN=ann", server=server)
        session.say("EHLO client.example")
        replies = [session.mail("ann@here.example", ["ann@here.example"], TEXT)[:3] for _ in range(3)]
        self.assertEqual(replies, ["250", "250", "450"])
        self.assertTrue(self.session(server=server).say(f"XCLIENT ADDR={CLIENT} LOGIN=ann").startswith("421"))
        self.assertTrue(self.session(server=server).say(f"XCLIENT ADDR={CLIENT} LOGIN=ben").startswith("220"))

    def test_wrong_words(self):
        session = self.session()
        for words in ("", "ADDR", "ADDR=", "ADDR=client.example", "ADDR=1.2.3", "ADDR=IPV6:1.2.3.4x", "PORT=4711 ADDR=300.1.1.1", f"ADDR={CLIENT} PORT=65536",
                      f"ADDR={CLIENT} PORT=-1", f"ADDR={CLIENT} PORT=smtp", "SECRET=x", "ADDR=1.2.3.4+0D+0A", "HELO=a+2", "LOGIN=a+00b", "=x",
                      " ".join(["NAME=x"] * 10)):
            self.assertTrue(session.say("XCLIENT " + words).startswith("501"), words)
        session.say("QUIT")
        me = "[127.0.0.1]:%d" % session.socket.getsockname()[1]
        self.event("session.closed", lambda e: e["client"] == me)

    def test_only_from_and_relay_from_look_at_the_client(self):
        session = self.session(port=1)
        self.assertRegex(session.say("XCLIENT ADDR=203.0.113.8 PORT=4740"), r"^554 5\.7\.1 \S+ does not serve your address")
        self.spoken_for(f"ADDR={CLIENT}", port=1)
        for client, answer in ((CLIENT, "250"), ("203.0.113.8", "550")):
            session = self.spoken_for(f"ADDR={client}", port=2)
            session.say("EHLO client.example")
            session.say("MAIL FROM:<a@client.example>")
            self.assertTrue(session.say("RCPT TO:<friend@elsewhere.example>").startswith(answer), client)

    # If the proxy does not name its client, the client does not get the proxy's privileges.
    def test_a_client_without_an_address_is_in_no_network(self):
        self.assertTrue(self.session(port=1).say("XCLIENT ADDR=[UNAVAILABLE]").startswith("554"))
        server = self.enterContext(postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]}, "listener": [{"role": "mx", "xclient_from": ["127.0.0.1"], "relay_from": ["127.0.0.1"]}],
            "delivery": {"smarthost": "smtp://127.0.0.1:9"}}))
        session = self.spoken_for("ADDR=[UNAVAILABLE]", server=server)
        session.say("EHLO client.example")
        session.say("MAIL FROM:<a@client.example>")
        self.assertTrue(session.say("RCPT TO:<friend@elsewhere.example>").startswith("550"))

    # A refusal is final: no later command is executed for a client that the listener does not serve.
    def test_a_client_that_is_not_served_stays_unserved(self):
        session = self.session(port=1)
        self.assertTrue(session.say("XCLIENT ADDR=203.0.113.8 PORT=4741").startswith("554"))
        try:
            session.say("EHLO client.example")
            reply = session.mail("a@b.example", ["ann@here.example"], TEXT)
        except (EOFError, ConnectionError):
            reply = "closed"
        self.assertFalse(reply.startswith("250"), reply)

    def test_a_login_is_held_to_its_names(self):
        session = self.spoken_for(f"ADDR={CLIENT} LOGIN=ann")
        session.say("EHLO client.example")
        self.assertTrue(session.say("MAIL FROM:<ben@here.example>").startswith("550 5.7.1"))
        self.assertTrue(session.say("MAIL FROM:<ann@here.example>").startswith("250"))

    def test_a_login_that_was_told_is_one_at_submission(self):
        session = self.session(port=3)
        session.say("STARTTLS")
        session.starttls(client_context(self.certificates.ca))
        session.say("EHLO proxy.example")
        self.assertTrue(session.say("MAIL FROM:<ann@here.example>").startswith("530"))
        self.assertTrue(session.say(f"XCLIENT ADDR={CLIENT} LOGIN=ann").startswith("220"))
        session.say("EHLO client.example")
        self.assertTrue(session.say("MAIL FROM:<ann@here.example>").startswith("250"))

    def test_what_is_said_before_tls_is_forgotten_with_it(self):
        session = self.spoken_for(f"ADDR={CLIENT} LOGIN=ann PORT=4750")
        session.say("EHLO client.example")
        self.assertTrue(session.say("STARTTLS").startswith("220"))
        session.starttls(client_context(self.certificates.ca))
        session.say("EHLO client.example")
        session.say("QUIT")
        self.assertFalse(self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4750")["login"])

    def test_limits_are_the_clients(self):
        server = self.enterContext(postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]}, "listener": [{"role": "mx", "xclient_from": ["127.0.0.1"]}],
            "clients": {"connections": "2/h", "messages": "1/h"}}))
        for client in ("203.0.113.1", "203.0.113.2"):
            session = self.spoken_for(f"ADDR={client} PORT=1", server=server)
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
            self.assertRegex(session.say("MAIL FROM:<a@b.example>"), r"^450 4\.7\.1 too many messages from you")
            self.spoken_for(f"ADDR={client} PORT=2", server=server)
            self.assertRegex(self.session(server=server).say(f"XCLIENT ADDR={client} PORT=3"), r"^421 4\.7\.0 \S+ too many connections from your address")
            self.event("client.limited", lambda e: e["limit"] == "connections" and e["client"] == f"[{client}]:3", server)

    def send(self, *flags, port=0):
        return postroad.run("send", "--server", f"smtp://localhost:{self.server.ports[port]}", "--ca-file", self.certificates.ca, "--from", "ann@here.example",
                            "--to", "ben@here.example", "--text", "hi", "--helo", "client.example", *flags)

    def test_send_says_it(self):
        done = self.send("--trace", "--xclient", "ADDR=203.0.113.9", "--xclient", "PORT=4760", "--xclient", "LOGIN=ann", "--xclient", "HELO=client.example")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("XCLIENT ADDR=203.0.113.9 PORT=4760 LOGIN=ann HELO=client.example", done.stderr)
        event = self.event("message.accepted", lambda e: e["client"] == "[203.0.113.9]:4760")
        self.assertEqual((event["login"], event["tls"][:3]), ("ann", "TLS"))

    def test_send_to_one_who_does_not_trust_us_sends_nothing(self):
        done = self.send("--xclient", "ADDR=203.0.113.10", port=4)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("XCLIENT", done.stderr)
        self.assertEqual(self.send("--xclient", "ADDR").returncode, 64)
        with by_hand.FakeServer(self.refusing) as fake:
            done = postroad.run("send", "--server", f"smtp://127.0.0.1:{fake.port}", "--from", "a@b.example", "--to", "c@d.example", "--text", "hi",
                                "--xclient", "ADDR=203.0.113.10")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("550 5.7.0 not for you", done.stderr)
        self.assertFalse([line for line in fake.heard if line.startswith("MAIL")])

    @staticmethod
    def refusing(peer):
        peer.say("220 fake.example ESMTP\r\n")
        by_hand.converse(peer, ehlo=("fake.example", "XCLIENT ADDR"), replies={"XCLIENT": "550 5.7.0 not for you"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
