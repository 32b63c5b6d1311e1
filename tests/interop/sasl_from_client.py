# SASL from our client with real peers: a small SMTP server whose logins libgsasl checks, with channel binding too, and Postfix, whose
# logins Cyrus SASL or Dovecot checks. Run by test_sasl.py.
import base64
import contextlib
import re
import threading
import unittest

import by_hand
import gsasl
import peers
from certificates import Certificates, server_context
import postroad
import sasl_services
from by_hand import converse
from postroad import HARD_MESSAGE
from sasl_table import ANN, ASCII_PASSWORD, FROM, OTHERS, PASSWORD, PLUS, TO, TOKENS, tried


class FromClient(unittest.TestCase):
    """`postroad send --auth MECHANISM` into a server whose logins libgsasl checks."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = Certificates(cls.folder.path)
        cls.ca = certificates.ca
        cls.certificate, cls.key = certificates.make("server")
        cls.tls = server_context(cls.certificate, cls.key)
        cls.message = cls.folder.write("whole.eml", HARD_MESSAGE)
        gsasl.library()

    def send(self, url, mechanism, user, password, code=0):
        done = postroad.run("send", "--server", url, "--helo", "client.example", "--from", FROM, "--data", self.message, "--ca-file", self.ca,
                            "--user", user, "--password-env", "PW", *(["--auth", mechanism] if mechanism else []), TO, env={"PW": password})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def serve(self, offered, users, judged):
        """A script of FakeServer: STARTTLS, EHLO, AUTH by gsasl, and the message."""
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(self.tls)
            line = converse(peer, ehlo=("fake.example", f"AUTH {offered}"), until="AUTH")
            with gsasl.Server(line.split(" ")[1], users) as server:
                judged.append((line.split(" ")[1], server.serve(peer, line), server.user))
            converse(peer)
        return script

    def test_every_mechanism(self):
        for user, password in (("test", ASCII_PASSWORD), ("tëst", PASSWORD), ("a,b=c", PASSWORD)):
            for mechanism in OTHERS:
                with self.subTest(mechanism, user=user):
                    judged = []
                    with by_hand.FakeServer(self.serve(mechanism, {user: password}, judged)) as server:
                        self.send(f"smtp://localhost:{server.port}", mechanism, user, password)
                        self.assertEqual(judged, [(mechanism, gsasl.OK, user)])
                        self.assertIn("DATA", server.heard)
                        tried("client", mechanism, "libgsasl")

    def test_a_certificate(self):
        pair = Certificates(self.enterContext(postroad.Folder()).path).make("ann", san=f"email:{ANN}")
        for flags, code in (((), 0), (("--authorize-as", ANN), 0), (("--authorize-as", "somebody-else"), 77)):
            with self.subTest(flags=flags):
                judged = []
                with by_hand.FakeServer(self.serve("EXTERNAL", {ANN: ""}, judged)) as server:
                    done = postroad.run("send", "--server", f"smtp://localhost:{server.port}", "--from", FROM, "--data", self.message, "--ca-file",
                                        self.ca, "--certificate", pair[0], "--key", pair[1], "--auth", "EXTERNAL", *flags, TO)
                    self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertEqual([one[:2] for one in judged], [("EXTERNAL", gsasl.OK if code == 0 else gsasl.AUTHENTICATION_ERROR)])
        tried("client", "EXTERNAL", "libgsasl")

    def test_wrong_password(self):
        for mechanism in OTHERS:
            with self.subTest(mechanism):
                judged = []
                with by_hand.FakeServer(self.serve(mechanism, {"test": PASSWORD}, judged)) as server:
                    done = self.send(f"smtp://localhost:{server.port}", mechanism, "test", "wrong", code=77)
                    self.assertIn("535", done.stderr)
                    self.assertNotIn("DATA", server.heard)

    def test_the_strongest_is_taken(self):
        judged = []
        with by_hand.FakeServer(self.serve("LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256", {"test": PASSWORD}, judged)) as server:
            self.send(f"smtp://localhost:{server.port}", None, "test", PASSWORD)
        self.assertEqual(judged, [("SCRAM-SHA-256", gsasl.OK, "test")])

    # Channel binding: gsasl gets the exporter value of the same connection from openssl.

    def bound(self, mechanism, password, spoil=lambda exporter: exporter, code=0):
        judged = []

        def script(server):
            with contextlib.suppress(EOFError, OSError):
                peer, exporter = server.accept()
                peer.say("220 fake.example ESMTP\r\n")
                line = converse(peer, ehlo=("fake.example", f"AUTH {mechanism}"), until="AUTH")
                with gsasl.Server(line.split(" ")[1], {"test": PASSWORD}, spoil(exporter)) as judge:
                    judged.append(judge.serve(peer, line))
                converse(peer)
        with gsasl.ExportingServer(self.certificate, self.key) as server:
            thread = threading.Thread(target=script, args=(server,), daemon=True)
            thread.start()
            self.send(f"smtps://localhost:{server.port}", mechanism, "test", password, code=code)
            thread.join(postroad.PATIENCE)
        return judged

    def test_channel_binding(self):
        for mechanism in PLUS:
            with self.subTest(mechanism):
                self.assertEqual(self.bound(mechanism, PASSWORD), [gsasl.OK])
                tried("client", mechanism, "libgsasl")

    def test_another_channel_is_refused(self):
        for mechanism in PLUS:
            with self.subTest(mechanism):
                judged = self.bound(mechanism, PASSWORD, lambda exporter: bytes(32), code=77)
                self.assertEqual(judged, [gsasl.AUTHENTICATION_ERROR])

    def test_wrong_password_with_channel_binding(self):
        for mechanism in PLUS:
            with self.subTest(mechanism):
                self.assertEqual(self.bound(mechanism, "wrong", code=77), [gsasl.AUTHENTICATION_ERROR])

    # A server that supports channel binding but does not offer it: the client's "y" flag must reveal the downgrade.
    def test_a_list_that_was_robbed_of_plus_is_found_out(self):
        judged = self.bound("SCRAM-SHA-256", PASSWORD, code=77)
        self.assertNotEqual(judged, [gsasl.OK])

    # Tokens, which gsasl does not support: the test compares the data that arrives.

    def test_tokens(self):
        for mechanism in TOKENS:
            with self.subTest(mechanism):
                def script(peer):
                    peer.say("220 fake.example ESMTP\r\n")
                    converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
                    peer.say("220 go on\r\n")
                    peer.starttls(self.tls)
                    converse(peer, ehlo=("fake.example", f"AUTH {mechanism}"), replies={"AUTH": "235 2.7.0 in"})
                with by_hand.FakeServer(script) as server:
                    self.send(f"smtp://localhost:{server.port}", mechanism, "test", "to.ken")
                    line, = (one for one in server.heard if one.startswith("AUTH"))
                    said = base64.b64decode(line.split(" ")[2]).decode()
                    self.assertEqual(said, "user=test\x01auth=Bearer to.ken\x01\x01" if mechanism == "XOAUTH2" else
                                     f"n,a=test,\x01host=localhost\x01port={server.port}\x01auth=Bearer to.ken\x01\x01")


class IntoPostfix(unittest.TestCase):
    """`postroad send --auth MECHANISM` into Postfix, which asks Cyrus SASL or Dovecot; its log names the user and the mechanism."""

    USERS = {"test": ASCII_PASSWORD, "wide": PASSWORD}

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.folder.path.chmod(0o755)
        certificates = Certificates(cls.folder.path)
        cls.ca = certificates.ca
        cls.certificate, cls.key = certificates.make("server")

    def send(self, port, mechanism, user, password, message, code=0):
        path = self.folder.write("whole.eml", message)
        done = postroad.run("send", "--server", f"smtp://localhost:{port}", "--helo", "client.example", "--from", FROM, "--data", path,
                            "--ca-file", self.ca, "--trace", "--user", user, "--password-env", "PW", *(["--auth", mechanism] if mechanism else []),
                            "reader@sink.example", env={"PW": password})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def check(self, judge, name):
        with judge(self.USERS, OTHERS) as asked, peers.Postfix(self.certificate, self.key, asked.settings, files=asked.files) as postfix:
            arrived = 0
            for user, password in self.USERS.items():
                for mechanism in (*OTHERS, None):
                    with self.subTest(mechanism, user=user):
                        message = HARD_MESSAGE.replace(b"hard@", f"{user}-{mechanism}@".encode())
                        trace = self.send(postfix.port, mechanism, user, password, message)
                        if mechanism is None:
                            self.assertIn("AUTH SCRAM-SHA-256 ", trace)  # the strongest mechanism that both support
                        queue_id = re.search(r"250 2\.0\.0 Ok: queued as (\w+)", trace).group(1)
                        postfix.logged(rf"{queue_id}: client=\S+, sasl_method={mechanism or 'SCRAM-SHA-256'}, sasl_username={user}\b")
                        arrived += 1
                        self.assertIn(message, postfix.mails(arrived))
                        if mechanism:
                            tried("client", mechanism, name)
            for mechanism in OTHERS:
                with self.subTest(mechanism, password="wrong"):
                    self.assertIn("535 5.7.8", self.send(postfix.port, mechanism, "test", "wrong", HARD_MESSAGE, code=77))

    def test_cyrus_sasl(self):
        self.check(sasl_services.CyrusSasl, "Postfix+Cyrus")

    def test_dovecot(self):
        self.check(sasl_services.DovecotAuth, "Postfix+Dovecot")

    def test_dovecot_tokens(self):
        with sasl_services.DovecotAuth(self.USERS, TOKENS) as dovecot, peers.Postfix(self.certificate, self.key, dovecot.settings) as postfix:
            for mechanism in TOKENS:
                with self.subTest(mechanism):
                    self.send(postfix.port, mechanism, "test", dovecot.token("test"), HARD_MESSAGE)
                    postfix.logged(rf"client=\S+, sasl_method={mechanism}, sasl_username=test\b")
                    tried("client", mechanism, "Postfix+Dovecot")
                    for name, token in (("late", dovecot.token("test", -30)), ("another's", dovecot.token("wide")), ("nonsense", "to.ken")):
                        with self.subTest(token=name):
                            self.assertIn("535 5.7.8", self.send(postfix.port, mechanism, "test", token, HARD_MESSAGE, code=77))
