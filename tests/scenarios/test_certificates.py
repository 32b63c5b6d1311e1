# Row 19 of guards.md: a certificate for another host, an expired one, one signed by an unknown authority, and an IP address that
# the certificate does not name, by STARTTLS and by implicit TLS. Nothing is sent, the exit code is 77, and the message names the
# reason.
import unittest

import by_hand
from certificates import Certificates, server_context
import postroad


class ServerCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.certificates = Certificates(cls.folder.path)
        cls.ca = cls.certificates.ca

    def send(self, pair, host="localhost", implicit=False, flags=None):
        context = server_context(*pair)

        def script(peer):
            if implicit:
                peer.starttls(context)
                peer.say("220 fake.example ESMTP\r\n")
            else:
                peer.say("220 fake.example ESMTP\r\n")
                by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
                peer.say("220 go on\r\n")
                peer.starttls(context)
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            scheme = "smtps" if implicit else "smtp"
            done = postroad.run("send", "--server", f"{scheme}://{host}:{fake.port}", "--from", "a@client.example", "--to", "b@x.example", "--text", "hi",
                                *(flags if flags is not None else ["--ca-file", self.ca]))
        return done, fake.heard

    def refused(self, pair, words, host="localhost", flags=None):
        for implicit in (False, True):
            with self.subTest(implicit=implicit):
                done, heard = self.send(pair, host, implicit, flags)
                self.assertEqual(done.returncode, 77, done.stderr)
                self.assertRegex(done.stderr, rf"{host}:\d+ {'TLS' if implicit else 'STARTTLS'}: ".replace("[", r"\[").replace("]", r"\]"))
                self.assertRegex(done.stderr, words)
                self.assertFalse([line for line in heard if line.startswith("MAIL")], "mail went out")

    def test_right(self):
        pair = self.certificates.make("right")
        for implicit in (False, True):
            for host in ("localhost", "127.0.0.1"):
                done, heard = self.send(pair, host, implicit)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue([line for line in heard if line.startswith("MAIL")])

    def test_row_19_wrong_host(self):
        self.refused(self.certificates.make("wrong", "DNS:mail.other.example"), "certificate is not for localhost")

    def test_row_19_wrong_host_in_wildcards(self):
        self.refused(self.certificates.make("wild", "DNS:*,DNS:l*,DNS:*.localhost,DNS:localhost.other.example"), "certificate is not for localhost")

    def test_row_19_the_common_name_counts_for_nothing_beside_a_san(self):
        self.refused(self.certificates.make("localhost", "DNS:mail.other.example"), "certificate is not for localhost")

    def test_row_19_ip_literal_not_named(self):
        self.refused(self.certificates.make("noip", "DNS:localhost,DNS:127.0.0.1"), "certificate is not for 127.0.0.1", host="127.0.0.1")

    def test_row_19_expired(self):
        self.refused(self.certificates.expired(), "not trusted: certificate has expired")

    def test_row_19_self_signed(self):
        self.refused(self.certificates.make("self", signed_by_ca=False), "not trusted: self.signed certificate")

    def test_row_19_unknown_ca_with_the_systems_roots(self):
        self.refused(self.certificates.make("unknown"), "not trusted: (unable to get local issuer|unable to verify)", flags=[])

    def test_any_certificate_only_with_the_long_word(self):
        done, _ = self.send(self.certificates.make("self2", signed_by_ca=False), flags=["--insecure-accept-any-certificate"])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_ca_file_that_is_not_there(self):
        done, heard = self.send(self.certificates.make("right2"), flags=["--ca-file", "/nowhere/ca.pem"])
        self.assertEqual(done.returncode, 66)
        self.assertRegex(done.stderr, "--ca-file /nowhere/ca.pem: cannot be read: No such file")
        self.assertEqual(heard, [])

    def test_our_server_is_reached(self):
        certificate, key = self.certificates.make("server")
        tls = {"certificate": certificate, "key": key}
        with postroad.Server({"listener": [{"tls": "required", **tls}, {"tls": "implicit", **tls}]}) as server:
            for scheme, port in zip(("smtp", "smtps"), server.ports):
                done = postroad.run("send", "--server", f"{scheme}://localhost:{port}", "--ca-file", self.ca, "--from", "a@client.example",
                                    "--to", "b@x.example", "--text", "hi")
                self.assertEqual(done.returncode, 0, done.stderr)
            for mail in server.wait_mail(2):
                self.assertIn(b"with ESMTPS ", mail.received.replace(b"\r\n", b""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
