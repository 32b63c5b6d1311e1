# The PROXY header (versions 1 and 2): accepted from listed proxies only, also before TLS. From then on the log, Received and every
# limit use the client that it names. And `postroad send --proxy-header`, which writes it.
import socket
import struct
import unittest

import by_hand
from certificates import Certificates, client_context
import postroad

TEXT = b"Subject: proxied\r\n\r\nhello\r\n"
CLIENT = "203.0.113.7"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source=CLIENT, port=4711, family="TCP4", to="192.0.2.2"):
    return f"PROXY {family} {source} {to} {port} 25\r\n".encode()


def v2(source=CLIENT, port=4711, tlvs=b"", command=0x21):
    kind = socket.AF_INET6 if ":" in source else socket.AF_INET
    rest = socket.inet_pton(kind, source) * 2 + struct.pack(">HH", port, 25) + tlvs
    return SIGNATURE + bytes([command, 0x21 if ":" in source else 0x11]) + struct.pack(">H", len(rest)) + rest


class ProxyHeader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(folder)
        certificate, key = cls.certificates.make("server")
        tls = {"certificate": certificate, "key": key}
        here = {"role": "mx", "proxy_from": ["127.0.0.1"]}
        cls.server = postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
            "listener": [{**here, "tls": "offered", **tls}, {**here, "tls": "implicit", **tls}, {**here, "only_from": [CLIENT]},
                         {**here, "relay_from": [CLIENT]}, {**here, "xclient_from": ["127.0.0.1"]}],
            "delivery": {"smarthost": "smtp://127.0.0.1:9"}}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def connect(self, header, port=0, server=None, **how):
        """A session that has sent these bytes and read nothing."""
        session = self.enterContext(by_hand.Session((server or self.server).ports[port], greet=False, **how))
        session.send(header)
        return session

    def greeted(self, header, port=0, server=None):
        session = self.connect(header, port, server)
        greeting = session.reply()
        self.assertTrue(greeting.startswith("220"), greeting)
        session.say("EHLO client.example")
        return session

    def event(self, name, test, server=None):
        server = server or self.server
        return postroad.eventually(lambda: next((e for e in server.events(name) if test(e)), None), server.process, name)

    def received_from(self, session, subject):
        self.assertTrue(session.mail("a@client.example", ["ann@here.example"], TEXT.replace(b"proxied", subject.encode())).startswith("250"))
        return next(mail for mail in self.server.wait_mail(1, subject=subject) if subject.encode() in mail.octets).received.decode()

    # A client without an address has no limits per client; limits per login apply.
    def test_guesses_behind_a_header_without_a_client_are_counted(self):
        folder = self.enterContext(postroad.Folder()).path
        postroad.add_user(folder / "users", "ann", "one")
        server = self.enterContext(postroad.Server({
            "server": {"users": folder / "users"}, "logins": {"failed_logins": "2/h"},
            "listener": [{"auth": True, "allow_auth_in_clear": True, "proxy_from": ["127.0.0.1"]}]}))
        token = postroad.base64.b64encode(b"\0ann\0two").decode()
        replies = [self.greeted(b"PROXY UNKNOWN\r\n", server=server).say("AUTH PLAIN " + token)[:3] for _ in range(3)]
        self.assertEqual(replies, ["535", "535", "421"])

    def test_the_client_is_whom_the_header_names(self):
        for i, (header, literal) in enumerate([
                (v1(), f"[{CLIENT}]"), (v2(), f"[{CLIENT}]"), (v2(tlvs=b"\x04\x00\x03abc"), f"[{CLIENT}]"),
                (v1("2001:db8::7", family="TCP6", to="2001:db8::2"), "[IPv6:2001:db8::7]"), (v2("2001:db8::7"), "[IPv6:2001:db8::7]")]):
            subject = f"named {i}."
            self.assertIn(f"({literal})", self.received_from(self.greeted(header), subject))
            self.event("message.accepted", lambda e: e["client"] == f"{literal}:4711")
        self.event("session.opened", lambda e: e["client"] == f"[{CLIENT}]:4711")

    def test_what_stands_behind_the_header_is_the_clients(self):
        for header in (v1(), v2()):
            session = self.connect(header + b"EHLO client.example\r\nNOOP\r\n")
            self.assertTrue(session.reply().startswith("220"))
            self.assertTrue(session.reply().startswith("250-mail.test.example"))
            self.assertTrue(session.reply().startswith("250 "))

    def test_octet_by_octet(self):
        for header in (v1(), v2()):
            session = self.connect(b"")
            for i in range(len(header)):
                session.send(header[i:i + 1])
            self.assertTrue(session.reply().startswith("220"))

    def test_local_and_unknown_are_the_proxy_itself(self):
        for header in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN what ever\r\n", SIGNATURE + b"\x20\0\0\0", v2(command=0x20)):
            session = self.greeted(header)
            me = "[127.0.0.1]:%d" % session.socket.getsockname()[1]
            session.say("QUIT")
            self.event("session.closed", lambda e: e["client"] == me)

    def test_before_tls_from_the_start(self):
        for header in (v1(), v2()):
            session = self.connect(header, port=1)
            session.starttls(client_context(self.certificates.ca))
            self.assertTrue(session.reply().startswith("220"))
            session.say("EHLO client.example")
            session.say("QUIT")
            self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4711" and e["tls"].startswith("TLS"))

    def test_before_starttls_and_not_again_inside(self):
        for header in (v1(), v2()):
            session = self.greeted(header)
            self.assertTrue(session.say("STARTTLS").startswith("220"))
            session.starttls(client_context(self.certificates.ca))
            self.assertTrue(session.say(header.decode("latin1").rstrip().splitlines()[0] or "PROXY").startswith("500"))
            session.say("EHLO client.example")
            self.assertIn(f"([{CLIENT}])", self.received_from(session, f"inside tls {len(header)}."))

    def test_a_peer_that_is_not_listed_says_an_unknown_command(self):
        session = self.enterContext(by_hand.Session(self.server.port, source="127.0.0.2"))
        self.assertTrue(session.greeting.startswith("220"))
        self.assertRegex(session.say(v1().decode().rstrip()), r"^500 5\.5\.2 command not recognized: PROXY")
        session.say("EHLO client.example")
        received = self.received_from(session, "not listed.")
        self.assertIn("([127.0.0.2])", received)
        self.assertNotIn(CLIENT, received)
        # The proxy gets the usual greeting, and no byte of the binary form is read as a command.
        session = self.enterContext(by_hand.Session(self.server.port, source="127.0.0.2"))
        session.send(v2() + b"\r\nNOOP\r\n")
        self.assertTrue(session.reply().startswith("500"))

    def test_without_a_header_nobody_is_greeted(self):
        for i, garbage in enumerate((b"EHLO client.example\r\n", b"PROXY NONSENSE\r\n", b"PROXY TCP4 300.1.1.1 192.0.2.2 1 2\r\n", b"\x16\x03\x01\x02\x00",
                                     SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x21\x11\x00\x01x", b"PROXY " + b"x" * 200)):
            with self.subTest(garbage=garbage):
                session = self.connect(garbage)
                me = "[127.0.0.1]:%d" % session.socket.getsockname()[1]
                self.assertEqual(session.rest_until_end(), "")
                self.assertTrue(self.event("proxy.failed", lambda e: e["client"] == me)["reason"])

    def test_a_proxy_that_closes_early(self):
        session = self.connect(b"PROXY TCP4 ")
        me = "[127.0.0.1]:%d" % session.socket.getsockname()[1]
        session.socket.close()
        self.assertIn("closed", self.event("proxy.failed", lambda e: e["client"] == me)["reason"])

    # The header has ten seconds; a byte now and then does not move the deadline.
    def test_a_slow_header_has_an_end(self):
        session = self.connect(b"PROXY")
        me = "[127.0.0.1]:%d" % session.socket.getsockname()[1]
        self.assertEqual(session.rest_until_end(), "")
        self.assertIn("no answer in time", self.event("proxy.failed", lambda e: e["client"] == me)["reason"])

    def test_a_stop_does_not_wait_for_a_header(self):
        server = self.enterContext(postroad.Server({"listener": [{"proxy_from": ["127.0.0.1"]}]}))
        self.connect(b"PROXY TCP4 ", server=server)
        with by_hand.Session(server.port, greet=False, source="127.0.0.2") as other:
            other.reply()  # the first one is in its session by now
        server.terminate()
        self.assertEqual(server.wait_end(5), 0)

    def test_only_from_looks_at_the_client(self):
        session = self.connect(v1(CLIENT), port=2)
        self.assertTrue(session.reply().startswith("220"))
        for header in (v1("203.0.113.8"), v2("203.0.113.8"), v1("127.0.0.1")):
            session = self.connect(header, port=2)
            self.assertRegex(session.rest_until_end(), r"^554 5\.7\.1 \S+ does not serve your address")
        self.event("client.limited", lambda e: e["limit"] == "address" and e["client"] == "[203.0.113.8]:4711")

    def test_relay_from_looks_at_the_client(self):
        for header, answer in ((v1(CLIENT), "250"), (v1("203.0.113.8"), "550"), (v1("127.0.0.1"), "550")):
            session = self.greeted(header, port=3)
            session.say("MAIL FROM:<a@client.example>")
            self.assertTrue(session.say("RCPT TO:<friend@elsewhere.example>").startswith(answer), header)

    # A client behind a trusted proxy is not trusted itself.
    def test_who_comes_through_a_proxy_may_not_speak_for_others(self):
        for header in (v1(), v2(), v1("127.0.0.2")):
            session = self.connect(header, port=4)
            session.reply()
            self.assertNotIn("XCLIENT", session.say("EHLO client.example"))
            self.assertTrue(session.say("XCLIENT ADDR=192.0.2.77").startswith("550"))
        session = self.connect(b"PROXY UNKNOWN\r\n", port=4)
        session.reply()
        self.assertIn("XCLIENT", session.say("EHLO client.example"))

    def test_limits_are_the_clients(self):
        server = self.enterContext(postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]}, "listener": [{"role": "mx", "proxy_from": ["127.0.0.1"]}],
            "clients": {"exempt": [], "connections": "2/h", "messages": "1/h"}}))
        for header in (v1, v2):
            source = "203.0.113.1" if header is v1 else "203.0.113.2"
            session = self.greeted(header(source), server=server)
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
            self.assertRegex(session.say("MAIL FROM:<a@b.example>"), r"^450 4\.7\.1 too many messages from you")
            self.greeted(header(source, 4712), server=server)
            third = self.connect(header(source, 4713), server=server)
            self.assertRegex(third.rest_until_end(), r"^421 4\.7\.0 \S+ too many connections from your address")
            self.event("client.limited", lambda e: e["limit"] == "connections" and e["client"] == f"[{source}]:4713", server)

    def test_sessions_at_once_are_the_clients_and_end_with_it(self):
        server = self.enterContext(postroad.Server({"listener": [{"proxy_from": ["127.0.0.1"]}], "clients": {"exempt": [], "sessions": 1}}))
        first = self.greeted(v1(), server=server)
        self.assertRegex(self.connect(v1(port=4712), server=server).rest_until_end(), r"^421 4\.7\.0 \S+ too many sessions")
        self.greeted(v1("203.0.113.8"), server=server)
        first.say("QUIT")
        self.event("session.closed", lambda e: e["client"] == f"[{CLIENT}]:4711", server)
        self.greeted(v1(port=4713), server=server)

    def send(self, words, port=0, *flags):
        return postroad.run("send", "--server", f"{'smtps' if port == 1 else 'smtp'}://localhost:{self.server.ports[port]}", "--ca-file", self.certificates.ca,
                            "--from", "a@client.example", "--to", "ann@here.example", "--text", "hi", "--proxy-header", words, *flags)

    def test_send_writes_it(self):
        n = 5000
        for port in (0, 1):
            for words in ("v1 203.0.113.9 {} 192.0.2.2 25", "v2 203.0.113.9 {} 192.0.2.2 25", "v1 2001:db8::9 {} 2001:db8::2 25", "v2 2001:db8::9 {} 2001:db8::2 25"):
                n += 1
                done = self.send(words.format(n), port)
                self.assertEqual(done.returncode, 0, done.stderr)
                who = "[IPv6:2001:db8::9]" if "db8" in words else "[203.0.113.9]"
                event = self.event("message.accepted", lambda e: e["client"] == f"{who}:{n}")
                self.assertTrue(event["tls"].startswith("TLS"), event)
        for words in ("v1", "v2"):
            self.assertEqual(self.send(words).returncode, 0)

    def test_send_refuses_what_is_no_header(self):
        for words in ("", "v3", "v1 203.0.113.9", "v1 mail.example 1 192.0.2.2 2", "v1 203.0.113.9 65536 192.0.2.2 2", "v1 203.0.113.9 1 2001:db8::1 2",
                      "v2 203.0.113.9 x 192.0.2.2 2", "v1 203.0.113.9\r\n 1 192.0.2.2 2"):
            done = self.send(words)
            self.assertEqual(done.returncode, 64, (words, done.stdout, done.stderr))
            self.assertIn("rox" if words else "--proxy-header", done.stderr.replace("PROXY", "rox"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
