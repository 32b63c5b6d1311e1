# SASL with real peers. Into our server: gsasl's own client, smtplib, swaks, msmtp and curl. From our client: sasl_from_client.py. A
# test whose peer is not installed is skipped with the reason, except under CI.
import base64
import smtplib
import unittest

import by_hand
from certificates import Certificates, client_context
import postroad
import sasl_from_client
from postroad import HARD_MESSAGE, HOST, need_program, run_program
from sasl_table import ANN, ASCII_PASSWORD, FROM, OTHERS, PASSWORD, PLUS, TO, TOKENS, print_table, tried


FromClient, IntoPostfix = sasl_from_client.FromClient, sasl_from_client.IntoPostfix  # imported so that it runs here too, for one table


def tearDownModule():
    print_table()


class IntoServer(unittest.TestCase):
    """One submission server with STARTTLS that offers every mechanism for which users have keys, and one that offers tokens."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = Certificates(cls.folder.path)
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
            # The logins of this class fail by design, all from one address.
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
                    # gsasl insists on channel binding: it must be told that there is none.
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
            smtp.starttls(context=client_context(self.ca))
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
            smtp.starttls(context=client_context(self.ca))
            self.assertEqual(smtp.login("test", ASCII_PASSWORD)[0], 235)

    def test_smtplib_without_a_key_of_cram_md5_falls_back(self):
        # Another user has such a key, so CRAM-MD5 is offered; smtplib tries the next mechanism after the refusal.
        with smtplib.SMTP("localhost", self.port, "client.example", timeout=30) as smtp:
            smtp.starttls(context=client_context(self.ca))
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

    # The server has no backend that can verify tokens, so it refuses them; the peers must see a refusal and not a broken exchange.

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

    # Typed by hand, byte by byte as in Google's documentation and RFC 7628.

    def test_a_refused_token_by_hand(self):
        for mechanism, text, answer in (("XOAUTH2", "user=test\x01auth=Bearer t\x01\x01", ""),
                                        ("OAUTHBEARER", "n,a=test,\x01auth=Bearer t\x01\x01", "AQ==")):
            with self.subTest(mechanism), by_hand.Session(self.tokens) as session:
                session.say("EHLO client.example")
                session.say("STARTTLS")
                session.starttls(client_context(self.ca))
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


class IntoServerThatAsks(unittest.TestCase):
    """A server with a backend for tokens, which accepts client certificates."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = Certificates(cls.folder.path)
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
