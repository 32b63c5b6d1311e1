# Other ways to authenticate a TLS peer: a pinned key in the client, a client certificate in the server (AUTH EXTERNAL). Each
# message about a TLS failure says what to do.
import base64
import re
import socket
import struct
import unittest

import by_hand
from certificates import Certificates, client_context, pin_of, server_context
import postroad

ANN = "email:ann@here.example"


class ClientTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        for name in ("servers", "clients", "others"):
            (folder / name).mkdir()
        cls.servers, cls.clients, cls.others = (Certificates(folder / name) for name in ("servers", "clients", "others"))
        cls.pair = cls.servers.make("server")
        cls.other_pair = cls.servers.make("other")
        cls.ann = cls.clients.make("ann", san=ANN)
        tls = {"certificate": cls.pair[0], "key": cls.pair[1], "client_ca": cls.clients.ca}
        here = {"role": "submission", "auth": True, "allow_any_sender": True, **tls}
        users = folder / "users"
        postroad.add_user(users, "ben", "two")
        cls.server = postroad.Server({"server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
                                      "listener": [{**here, "tls": "required"}, {**here, "tls": "implicit"}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def send(self, *flags, port=None, scheme="smtp", ca=None, host="localhost", **how):
        port = port or self.server.ports[1 if scheme == "smtps" else 0]
        trust = [] if ca == "none" else ["--ca-file", ca or self.servers.ca]
        return postroad.run("send", "--server", f"{scheme}://{host}:{port}", *trust, "--from", "ann@here.example", "--to", "ann@here.example", "--text", "hi", *flags, **how)

    # A port with implicit TLS, asked without TLS: it waits for the client's handshake and sends nothing.

    HINT = r"the port may expect TLS from the first byte: use smtps://localhost:{}\n$"

    def test_a_silent_port_may_expect_tls(self):
        port = self.server.ports[1]
        for done in (self.send("--timeout", "300ms", port=port), postroad.run("talk", f"localhost:{port}", "--timeout", "300ms", input="QUIT\n")):
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertRegex(done.stderr, rf"localhost:{port}.*: no answer in time; " + self.HINT.format(port))

    def test_a_port_without_implicit_tls(self):
        port = self.server.ports[0]
        for done in (self.send(port=port, scheme="smtps"), postroad.run("talk", f"smtps://localhost:{port}", input="QUIT\n")):
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertRegex(done.stderr, rf"localhost:{port}.*: the TLS handshake failed: wrong version number; the port may not expect TLS from the first byte: "
                                          rf"use smtp://localhost:{port} \(STARTTLS\)\n$")

    def test_an_alert_in_place_of_the_greeting(self):
        fake = self.enterContext(by_hand.FakeServer(lambda peer: peer.say(b"\x15\x03\x03\0\x02\x02\x28")))
        for done in (self.send(port=fake.port), postroad.run("talk", f"localhost:{fake.port}", input="QUIT\n")):
            self.assertEqual(done.returncode, 76, done.stderr)
            self.assertRegex(done.stderr, "the server's first bytes are a TLS record and not a greeting; " + self.HINT.format(fake.port))

    def test_a_reset_in_place_of_the_greeting(self):
        def script(peer):
            peer.line()  # the PROXY header: the client is connected
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.socket.close()
        fake = self.enterContext(by_hand.FakeServer(script))
        done = self.send("--proxy-header", "v1", port=fake.port)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, "the connection was reset by the peer; " + self.HINT.format(fake.port))

    pin = staticmethod(pin_of)

    def fake(self, pair, **extra):
        """A server with this certificate and STARTTLS."""
        context = server_context(*pair)

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(context)
            by_hand.converse(peer)
        return self.enterContext(by_hand.FakeServer(script))

    def test_a_pinned_key_is_enough(self):
        pin = self.pin(self.pair[0])
        for pair in (self.pair, self.servers.make("elsewhere", "DNS:mail.other.example"), self.servers.make("lone", signed_by_ca=False), self.servers.expired()):
            fake = self.fake(pair)
            done = self.send("--pin", self.pin(pair[0]), "--require-tls", port=fake.port, ca="none")
            self.assertEqual(done.returncode, 0, done.stderr)
        fake = self.fake(self.other_pair)
        done = self.send("--pin", pin, "--pin", self.pin(self.other_pair[0]), port=fake.port, ca="none")
        self.assertEqual(done.returncode, 0, "one of several")

    def test_another_key_is_another_server(self):
        for scheme in ("smtp", "smtps"):
            done = self.send("--pin", self.pin(self.other_pair[0]), scheme=scheme)
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertIn(f"none of the pinned ones; it is {self.pin(self.pair[0])}", done.stderr)
        fake = self.fake(self.pair)
        self.send("--pin", self.pin(self.other_pair[0]), port=fake.port)
        self.assertFalse([line for line in fake.heard if line.startswith("MAIL")])

    def test_what_is_no_pin(self):
        for pin in ("", "sha256:", "sha256:AAAA", self.pin(self.pair[0])[:-1], self.pin(self.pair[0])[7:], "sha1:" + base64.b64encode(bytes(20)).decode()):
            self.assertEqual(self.send("--pin", pin).returncode, 64, pin)

    def external(self, pair, *flags, scheme="smtp", **how):
        return self.send("--certificate", pair[0], "--key", pair[1], "--auth", "EXTERNAL", *flags, scheme=scheme, **how)

    def test_a_certificate_logs_its_owner_in(self):
        for scheme in ("smtp", "smtps"):
            done = self.external(self.ann, scheme=scheme)
            self.assertEqual(done.returncode, 0, done.stderr)
        logins = {(e["user"]) for e in postroad.eventually(lambda: self.server.events("login.accepted"))}
        self.assertEqual(logins & {"ann@here.example", "ann"}, {"ann@here.example"}, "its address, before its common name")
        both = self.ann[0].parent / "both.pem"
        both.write_bytes(self.ann[0].read_bytes() + self.ann[1].read_bytes())
        self.assertEqual(self.send("--certificate", both, "--auth", "EXTERNAL").returncode, 0)

    def test_a_certificate_without_an_address_names_its_common_name(self):
        done = self.external(self.clients.make("plain", san="DNS:client.example"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(postroad.eventually(lambda: [e for e in self.server.events("login.accepted") if e["user"] == "plain"]))

    def test_nobody_logs_in_for_another(self):
        done = self.external(self.ann, "--authorize-as", "ben")
        self.assertEqual(done.returncode, 77, done.stderr)

    def refused(self, done, why, words):
        """The client exits with 77 or 75 and says what to do; the server's log gives the reason."""
        self.assertIn(done.returncode, (75, 77), done.stderr)
        self.assertRegex(done.stderr, words)
        events = postroad.eventually(lambda: [e for e in self.server.events("tls.failed") if re.search(why, e["reason"])])
        self.assertIn("the client's certificate is not trusted", events[0]["reason"])

    def test_certificates_that_do_not_count(self):
        for pair, why in ((self.others.make("ann", san=ANN), "unable to get local issuer|unable to verify"), (self.clients.expired("late", san=ANN), "expired"),
                          (self.clients.make("self", san=ANN, signed_by_ca=False), "self.signed")):
            for scheme in ("smtp", "smtps"):
                with self.subTest(why=why, scheme=scheme):
                    self.refused(self.external(pair, scheme=scheme), why, "the peer ended TLS: .*certificate.*--certificate FILE|the peer ended TLS: unknown CA.*--certificate FILE")
        self.assertFalse([e for e in self.server.events("login.accepted") if e["user"] == "self"])

    def test_without_a_certificate_external_is_not_offered(self):
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            session.starttls(client_context(self.servers.ca))
            self.assertNotIn("EXTERNAL", session.say("EHLO client.example"))
            self.assertRegex(session.say("AUTH EXTERNAL ="), "^(504|535)")
        context = client_context(self.servers.ca)
        context.load_cert_chain(*self.ann)
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            session.starttls(context)
            self.assertIn("EXTERNAL", session.say("EHLO client.example"))
            self.assertRegex(session.say("AUTH EXTERNAL " + base64.b64encode(b"ben").decode()), "^535")
            self.assertRegex(session.say("AUTH EXTERNAL ="), "^235")

    def test_a_certificate_beside_a_password(self):
        done = self.send("--certificate", self.ann[0], "--key", self.ann[1], "--user", "ben", "--password-env", "PW", env={"PW": "two"})
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.send("--user", "ben", "--password-env", "PW", env={"PW": "two"})
        self.assertEqual(done.returncode, 0, "who shows none may log in by a password")

    def test_files_that_are_no_certificate_or_no_key(self):
        for certificate, key, names in (("/nowhere/x.pem", self.ann[1], "/nowhere/x.pem"), (self.ann[0], "/nowhere/x.key", "/nowhere/x.key"),
                                        (self.ann[1], self.ann[1], str(self.ann[1])), (self.ann[0], self.pair[1], str(self.pair[1]))):
            done = self.send("--certificate", certificate, "--key", key, "--auth", "EXTERNAL")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(names, done.stderr)

    def test_every_sentence_says_what_to_do(self):
        for pair, host, ca, words in (
                (self.servers.make("wrong", "DNS:mail.other.example,DNS:*.others.example,IP:192.0.2.1,IP:2001:db8::1"), "localhost", None,
                 r"certificate is not for localhost but for mail\.other\.example, \*\.others\.example, 192\.0\.2\.1, 2001:db8::1; connect by a name that it has"),
                (self.servers.make("many", ",".join(f"DNS:n{i}.example" for i in range(20))), "localhost", None, r"but for n0\.example, .*n4\.example and others; connect"),
                (self.servers.make("mail", "email:a@b.example"), "127.0.0.1", None, r"certificate is not for 127\.0\.0\.1; its owner must name that host in it"),
                (self.servers.expired(), "localhost", None, r"not trusted: certificate has expired; its owner must renew it, or this machine's clock is wrong"),
                (self.servers.make("self", signed_by_ca=False), "localhost", None, r"not trusted: self.signed certificate; .*--ca-file FILE.*--pin sha256:"),
                (self.pair, "localhost", "none", r"not trusted: unable to (get local issuer|verify the first) certificate; trust the CA that signed it \(--ca-file FILE\)"),
                (self.pair, "localhost", self.others.ca, r"not trusted: unable to (get local issuer|verify the first) certificate; trust the CA that signed it \(--ca-file FILE\)")):
            fake = self.fake(pair)
            done = self.send("--require-tls", port=fake.port, host=host, ca=ca)
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertRegex(done.stderr, words)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertFalse([line for line in fake.heard if line.startswith("MAIL")])

    # The remedy in the message works.
    def test_a_self_signed_certificate_as_a_root(self):
        pair = self.servers.make("root", signed_by_ca=False)
        fake = self.fake(pair)
        done = self.send("--require-tls", port=fake.port, ca=pair[0])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_smtps_fulfils_a_demand_for_tls(self):
        done = self.external(self.ann, "--require-tls", "--timeout", "5s", scheme="smtps")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
