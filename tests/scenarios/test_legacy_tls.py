# Peers that know only the RSA key exchange of TLS 1.2: refused with the name of the option that admits them, and served with it. The
# end that the test plays is Python's ssl, restricted to such a cipher.
import ssl
import unittest

import by_hand
from certificates import RSA, Certificates, client_context, server_context
import postroad

OLD = "AES128-SHA"
TEXT = b"Subject: old\r\n\r\nhello\r\n"


def restricted(context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(OLD)
    return context


class LegacyTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls.enterClassContext(postroad.Folder()).path)
        cls.pair = cls.certificates.make("server", new_key=RSA)  # the key exchange needs an RSA key

    def test_a_listener_admits_an_old_client_where_it_says_so(self):
        certificate, key = self.pair
        listener = {"role": "mx", "tls": "offered", "certificate": certificate, "key": key}
        settings = {"local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]},
                    "listener": [{**listener, "insecure_allow_legacy_tls": True}, listener]}
        with postroad.Server(settings) as server:
            for port, context, version in ((server.ports[0], restricted(client_context(self.certificates.ca)), "TLSv1.2"),
                                          (server.ports[0], client_context(self.certificates.ca), "TLSv1.3"),
                                          (server.ports[1], client_context(self.certificates.ca), "TLSv1.3")):
                with by_hand.Session(port) as session:
                    session.say("EHLO client.example")
                    self.assertRegex(session.say("STARTTLS"), "^220")
                    session.starttls(context)
                    self.assertEqual(session.socket.version(), version)
                    session.say("EHLO client.example")
                    self.assertRegex(session.mail("a@b.example", ["ann@here.example"], TEXT), "^250")
            self.assertEqual(server.events("tls.failed"), [])
            with by_hand.Session(server.ports[1]) as session:
                session.say("EHLO client.example")
                self.assertRegex(session.say("STARTTLS"), "^220")
                with self.assertRaises(ssl.SSLError):
                    session.starttls(restricted(client_context(self.certificates.ca)))
            failed, = postroad.eventually(lambda: server.events("tls.failed"))
            self.assertRegex(failed["reason"], r"no shared cipher.*insecure_allow_legacy_tls")

    def old_server(self):
        def script(peer):
            peer.say("220 old.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("old.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(context)
            ciphers.append(peer.socket.cipher()[0])
            by_hand.converse(peer)
        context, ciphers = restricted(server_context(*self.pair)), []
        return self.enterContext(by_hand.FakeServer(script)), ciphers

    def test_send_reaches_an_old_server_where_its_flag_says_so(self):
        fake, ciphers = self.old_server()
        flags = ("--server", f"smtp://localhost:{fake.port}", "--require-tls", "--ca-file", self.certificates.ca, "--from", "a@x.example",
                 "--to", "b@x.example", "--text", "hi")
        done = postroad.run("send", *flags)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("--insecure-allow-legacy-tls", done.stderr)
        self.assertEqual(ciphers, [])
        done = postroad.run("send", *flags, "--insecure-allow-legacy-tls")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(ciphers, [OLD])

    def test_a_smarthost_may_be_an_old_server_where_its_url_says_so(self):
        fake, ciphers = self.old_server()
        url = f"smtp://localhost:{fake.port}?tls=required"
        settings = {"listener": [{"role": "mx"}], "delivery": {"networks": ["127.0.0.1"], "smarthost": url, "smarthost_ca_file": self.certificates.ca},
                    "retry": {"initial_delay": "100ms", "max_delay": "100ms"}}
        server = self.enterContext(postroad.Server(settings))
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            self.assertRegex(session.mail("a@client.example", ["friend@elsewhere.example"], TEXT), "^250")
        deferred = postroad.eventually(lambda: server.events("recipient.deferred"))[0]
        self.assertIn("insecure_allow_legacy_tls=yes in the URL of delivery.smarthost", deferred["note"])
        server.config.write_text(server.config.read_text().replace(url, f"{url}&insecure_allow_legacy_tls=yes"))
        done = postroad.run("serve", "--reload", "--config", server.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        postroad.eventually(lambda: server.events("recipient.delivered"))
        self.assertEqual(ciphers, [OLD])


if __name__ == "__main__":
    unittest.main(verbosity=2)
