# SASL with real peers. Into our server: gsasl's own client, smtplib, swaks, msmtp and curl. From our client: a small SMTP server whose
# logins libgsasl judges, with channel binding too, and Postfix, whose logins Cyrus SASL or Dovecot judges.
# A peer that is not installed is skipped with a sentence, except under CI.
import base64
import contextlib
import re
import smtplib
import threading
import unittest

import by_hand
import gsasl
import peers
import postroad
import sasl_services
from by_hand import converse
from postroad import HARD_MESSAGE, HOST, need_program, run_program

PASSWORD = "s3cret-Pässwörd"
ASCII_PASSWORD = "plain-s3cret"
FROM, TO = "sender@client.example", "reader@test.example"
PLUS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
OTHERS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
TOKENS = ("XOAUTH2", "OAUTHBEARER")
TRIED = {}


def tried(side, mechanism, peer):
    """What a peer and ours agreed on, for the table at the end."""
    TRIED.setdefault((mechanism.upper(), side), []).append(peer)


def tearDownModule():
    print(f"\n{'mechanism':<20} {'side':<7} tried against")
    for mechanism in ("EXTERNAL", *PLUS, *OTHERS, *TOKENS):
        for side in ("server", "client"):
            names = sorted(set(TRIED.get((mechanism, side), [])))
            print(f"{mechanism:<20} {side:<7} {', '.join(names) or '-'}")


class IntoServer(unittest.TestCase):
    """One submission server with STARTTLS, which offers every mechanism that users have keys for, and one that offers tokens."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = postroad.Certificates(cls.folder.path)
        cls.ca = certificates.ca
        certificate, key = certificates.make("server")
        users = cls.folder.path / "users"
        for name, password in (("test", ASCII_PASSWORD), ("wide", PASSWORD)):
            postroad.add_user(users, name, password, "--with-scram-sha-1", "--with-cram-md5")
        postroad.add_user(users, "plain", ASCII_PASSWORD)
        submission = {"role": "submission", "tls": "required", "certificate": certificate, "key": key}
        cls.server = postroad.Server({
            "server": {"users": users},
            "local": {"domains": ["test.example"], "mailboxes": ["reader"]},
            "submission": {"senders": ["test: @client.example", "wide: @client.example"]},
            # This class fails logins by design, all from one address.
            "clients": {"exempt": ["127.0.0.0/8"], "failed_logins": "none"},
            "logins": {"failed_logins": "none"},
            "listener": [submission, {**submission, "mechanisms": [*TOKENS, "PLAIN"]}]}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.port, cls.tokens = cls.server.ports

    # gsasl

    def gsasl(self, mechanism, user, password, *flags, code=0):
        done = run_program(need_program("gsasl"), "--smtp", "--starttls", "--x509-ca-file", self.ca, "--mechanism", mechanism,
                           "--authentication-id", user, "--password", password, *flags, "localhost", self.port, env={"LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_gsasl(self):
        for user, password in (("test", ASCII_PASSWORD), ("wide", PASSWORD)):
            for mechanism in OTHERS:
                with self.subTest(mechanism, user=user):
                    # gsasl does not let itself be talked out of a channel binding: it must be told that it has none.
                    done = self.gsasl(mechanism, user, password, "--no-cb")
                    self.assertIn("\n235 2.7.0 ", done.stdout)
                    tried("server", mechanism, "gsasl")

    def test_gsasl_with_channel_binding(self):
        for user, password in (("test", ASCII_PASSWORD), ("wide", PASSWORD)):
            for mechanism in PLUS:
                with self.subTest(mechanism, user=user):
                    done = self.gsasl(mechanism, user, password)
                    self.assertIn("\n235 2.7.0 ", done.stdout)
                    self.assertIn("server trusted", done.stderr)
                    tried("server", mechanism, "gsasl")

    def test_gsasl_to_act_as_oneself(self):
        for mechanism in (*PLUS, "PLAIN"):
            with self.subTest(mechanism):
                self.assertIn("\n235 2.7.0 ", self.gsasl(mechanism, "test", ASCII_PASSWORD, "--authorization-id", "test").stdout)

    def test_gsasl_to_act_as_another_is_refused(self):
        for mechanism in (*PLUS, "PLAIN"):
            with self.subTest(mechanism):
                done = self.gsasl(mechanism, "test", ASCII_PASSWORD, "--authorization-id", "wide", code=1)
                self.assertIn("\n535 5.7.8 ", done.stdout + done.stderr)

    def test_gsasl_wrong_password_and_unknown_user_in_the_same_words(self):
        for mechanism in (*PLUS, *OTHERS):
            flags = () if mechanism in PLUS else ("--no-cb",)
            for user in ("test", "nobody", "plain"):
                with self.subTest(mechanism, user=user):
                    done = self.gsasl(mechanism, user, "wrong", *flags, code=1)
                    self.assertIn("535 5.7.8 authentication failed", done.stdout + done.stderr)

    # smtplib

    def smtplib(self, mechanism, user="test", password=ASCII_PASSWORD):
        with smtplib.SMTP("localhost", self.port, "client.example", timeout=30) as smtp:
            smtp.starttls(context=postroad.client_context(self.ca))
            smtp.ehlo()
            smtp.user, smtp.password = user, password
            by = {"CRAM-MD5": smtp.auth_cram_md5, "PLAIN": smtp.auth_plain, "LOGIN": smtp.auth_login}[mechanism]
            return smtp.auth(mechanism, by, initial_response_ok=mechanism != "CRAM-MD5")

    def test_smtplib(self):
        for mechanism in ("CRAM-MD5", "PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                self.assertEqual(self.smtplib(mechanism)[0], 235)
                tried("server", mechanism, "smtplib")
                with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                    self.smtplib(mechanism, password="wrong")
                self.assertEqual(caught.exception.smtp_code, 535)

    def test_smtplib_chooses_by_itself(self):
        with smtplib.SMTP("localhost", self.port, "client.example", timeout=30) as smtp:
            smtp.starttls(context=postroad.client_context(self.ca))
            self.assertEqual(smtp.login("test", ASCII_PASSWORD)[0], 235)

    def test_smtplib_without_a_key_of_cram_md5_falls_back(self):
        # Another user has one, so CRAM-MD5 is offered; smtplib goes on to the next when it is refused.
        with smtplib.SMTP("localhost", self.port, "client.example", timeout=30) as smtp:
            smtp.starttls(context=postroad.client_context(self.ca))
            self.assertEqual(smtp.login("plain", ASCII_PASSWORD)[0], 235)

    # swaks

    def test_swaks_cram_md5(self):
        arguments = [need_program("swaks"), "--server", f"{HOST}:{self.port}", "--helo", "client.example", "--from", FROM, "--to", TO, "--tls",
                     "--auth", "CRAM-MD5", "--auth-user", "test", "--quit-after", "AUTH", "--auth-password"]
        done = run_program(*arguments, ASCII_PASSWORD)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("235 2.7.0", done.stdout)
        tried("server", "CRAM-MD5", "swaks")
        done = run_program(*arguments, "wrong")
        self.assertEqual(done.returncode, 28, done.stdout)  # swaks: authentication failed

    # msmtp

    def msmtp(self, mechanism, password, port=None, code=0):
        done = run_program(need_program("msmtp"), "-C", "/dev/null", "--host", "localhost", "--port", port or self.port, "--domain",
                           "client.example", "--from", FROM, "--tls=on", f"--tls-trust-file={self.ca}", f"--auth={mechanism}",
                           "--user=test", f"--passwordeval=echo {password}", "--", TO, input=HARD_MESSAGE.replace(b"\r\n", b"\n"))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_msmtp(self):
        for mechanism in ("scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"):
            with self.subTest(mechanism):
                self.msmtp(mechanism, ASCII_PASSWORD)
                tried("server", mechanism, "msmtp")
                self.assertIn("535 5.7.8", self.msmtp(mechanism, "wrong", code=77).stderr)

    # Tokens: the server has nobody to ask about them, so they are refused; the peers must see a refusal and not a broken exchange.

    def test_msmtp_tokens_are_refused(self):
        for mechanism in ("xoauth2", "oauthbearer"):
            with self.subTest(mechanism):
                self.assertRegex(self.msmtp(mechanism, "to.ken", self.tokens, code=77).stderr, "authentication|535")

    def curl(self, *flags, port=None, code=0):
        path = self.folder.write("curl.eml", HARD_MESSAGE)
        done = run_program(need_program("curl"), "--verbose", "--silent", "--show-error", "--url",
                           f"smtp://{HOST}:{port or self.port}/client.example", "--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", path,
                           "--max-time", "30", "--ssl-reqd", "--cacert", self.ca, *flags)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_curl(self):
        for mechanism in ("CRAM-MD5", "PLAIN", "LOGIN"):
            for flags in ((), ("--sasl-ir",)):
                with self.subTest(mechanism, flags=flags):
                    done = self.curl("--user", f"test:{ASCII_PASSWORD}", "--login-options", f"AUTH={mechanism}", *flags)
                    self.assertIn(f"AUTH {mechanism}", done.stderr)
                    tried("server", mechanism, "curl")
                    self.curl("--user", "test:wrong", "--login-options", f"AUTH={mechanism}", *flags, code=67)

    def test_curl_tokens_are_refused(self):
        for mechanism in TOKENS:
            for flags in ((), ("--sasl-ir",)):
                with self.subTest(mechanism, flags=flags):
                    done = self.curl("--user", "test:", "--oauth2-bearer", "to.ken", "--login-options", f"AUTH={mechanism}", *flags,
                                     port=self.tokens, code=67)
                    self.assertIn(f"AUTH {mechanism}", done.stderr)

    # By hand, octet by octet what the documents of Google and RFC 7628 print.

    def test_a_refused_token_by_hand(self):
        for mechanism, text, answer in (("XOAUTH2", "user=test\x01auth=Bearer t\x01\x01", ""),
                                        ("OAUTHBEARER", "n,a=test,\x01auth=Bearer t\x01\x01", "AQ==")):
            with self.subTest(mechanism), by_hand.Session(self.tokens) as session:
                session.say("EHLO client.example")
                session.say("STARTTLS")
                session.starttls(postroad.client_context(self.ca))
                self.assertIn(mechanism, session.say("EHLO client.example"))
                reply = session.say(f"AUTH {mechanism} " + base64.b64encode(text.encode()).decode())
                self.assertEqual(reply[:4], "334 ")
                self.assertIn(b'"status"', base64.b64decode(reply[4:]))
                self.assertEqual(session.say(answer)[:9], "535 5.7.8")
                self.assertEqual(session.say("MAIL FROM:<a@client.example>")[:3], "530")


CHECK = """#!/usr/bin/python3
import json, sys
asked = json.load(sys.stdin)
sys.exit(0 if asked.get("user") == "test" and asked.get("token") == "to.ken" else 1)
"""
ANN = "ann@client.example"


class IntoServerThatAsks(unittest.TestCase):
    """One that has somebody to ask about tokens, and takes the certificates of clients."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = postroad.Certificates(cls.folder.path)
        cls.ca = certificates.ca
        certificate, key = certificates.make("server")
        cls.ann = certificates.make("ann", san=f"email:{ANN}")
        check = cls.folder.write("check", CHECK, mode=0o700)
        submission = {"role": "submission", "tls": "required", "certificate": certificate, "key": key, "client_ca": cls.ca,
                      "mechanisms": [*TOKENS, "EXTERNAL"]}
        cls.server = postroad.Server({
            "server": {"login_command": [str(check)], "login_timeout": "20s"},
            "local": {"domains": ["test.example"], "mailboxes": ["reader"]},
            "submission": {"senders": ["test: @client.example", f"{ANN}: @client.example"]},
            "clients": {"exempt": ["127.0.0.0/8"], "failed_logins": "none"}, "logins": {"failed_logins": "none"},
            "listener": [submission]}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def curl(self, *flags, code=0):
        path = self.folder.write("curl.eml", HARD_MESSAGE)
        done = run_program(need_program("curl"), "--verbose", "--silent", "--show-error", "--url", f"smtp://{HOST}:{self.server.port}/client.example",
                           "--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", path, "--max-time", "30", "--ssl-reqd", "--cacert", self.ca, *flags)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def msmtp(self, *flags, code=0):
        done = run_program(need_program("msmtp"), "-C", "/dev/null", "--host", "localhost", "--port", self.server.port, "--domain", "client.example",
                           "--from", FROM, "--tls=on", f"--tls-trust-file={self.ca}", *flags, "--", TO, input=HARD_MESSAGE.replace(b"\r\n", b"\n"))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_curl_tokens(self):
        for mechanism in TOKENS:
            for flags in ((), ("--sasl-ir",)):
                with self.subTest(mechanism, flags=flags):
                    login = ("--user", "test:", "--login-options", f"AUTH={mechanism}", *flags)
                    self.assertIn(f"AUTH {mechanism}", self.curl("--oauth2-bearer", "to.ken", *login).stderr)
                    tried("server", mechanism, "curl")
                    self.curl("--oauth2-bearer", "another", *login, code=67)

    def test_msmtp_tokens(self):
        for mechanism in ("xoauth2", "oauthbearer"):
            with self.subTest(mechanism):
                self.msmtp(f"--auth={mechanism}", "--user=test", "--passwordeval=echo to.ken")
                tried("server", mechanism, "msmtp")
                self.msmtp(f"--auth={mechanism}", "--user=test", "--passwordeval=echo another", code=77)

    def test_msmtp_certificate(self):
        pair = (f"--tls-cert-file={self.ann[0]}", f"--tls-key-file={self.ann[1]}")
        self.msmtp("--auth=external", f"--user={ANN}", *pair)
        tried("server", "EXTERNAL", "msmtp")
        self.msmtp("--auth=external", "--user=somebody-else", *pair, code=77)

    def test_curl_certificate(self):
        pair = ("--cert", self.ann[0], "--key", self.ann[1], "--login-options", "AUTH=EXTERNAL")
        self.assertIn("AUTH EXTERNAL", self.curl("--user", f"{ANN}:", *pair).stderr)
        tried("server", "EXTERNAL", "curl")
        self.curl("--user", "somebody-else:", *pair, code=67)


class FromClient(unittest.TestCase):
    """`postroad send --auth MECHANISM` into a server whose logins libgsasl judges."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = postroad.Certificates(cls.folder.path)
        cls.ca = certificates.ca
        cls.certificate, cls.key = certificates.make("server")
        cls.tls = postroad.server_context(cls.certificate, cls.key)
        cls.message = cls.folder.write("whole.eml", HARD_MESSAGE)
        gsasl.library()

    def send(self, url, mechanism, user, password, code=0):
        done = postroad.run("send", "--server", url, "--helo", "client.example", "--from", FROM, "--data", self.message, "--ca-file", self.ca,
                            "--user", user, "--password-env", "PW", *(["--auth", mechanism] if mechanism else []), TO, env={"PW": password})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def serve(self, offered, users, judged):
        """A script of FakeServer: STARTTLS, EHLO, AUTH by gsasl, and the mail."""
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
        pair = postroad.Certificates(self.enterContext(postroad.Folder()).path).make("ann", san=f"email:{ANN}")
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

    # Channel binding: gsasl is told what openssl exports of the same connection.

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

    # A server that could bind and does not offer it: the client's "y" must give it away.
    def test_a_list_that_was_robbed_of_plus_is_found_out(self):
        judged = self.bound("SCRAM-SHA-256", PASSWORD, code=77)
        self.assertNotEqual(judged, [gsasl.OK])

    # Tokens, which gsasl does not know: what arrives is compared.

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
    """`postroad send --auth MECHANISM` into Postfix, which asks Cyrus SASL or Dovecot; its log names who logged in, and how."""

    USERS = {"test": ASCII_PASSWORD, "wide": PASSWORD}

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.folder.path.chmod(0o755)
        certificates = postroad.Certificates(cls.folder.path)
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
                            self.assertIn("AUTH SCRAM-SHA-256 ", trace)  # the strongest that both know
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
