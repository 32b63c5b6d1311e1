# `postroad talk`: a session typed by hand, from a pipe and at a terminal: hints, dot-stuffing, STARTTLS and AUTH with a hidden
# password, plaintext after the 220 that is not used, and every flag that names the server or how to reach it.
import base64
import os
import pty
import re
import ssl
import subprocess
import unittest

import by_hand
from certificates import Certificates, pin_of, server_context
import postroad

PASSWORD = "geheim&123"


class Talk(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())

    def talk(self, server, lines, *flags, env=None):
        return postroad.run("talk", server, *flags, input="".join(line + "\n" for line in lines), env=env)

    def test_a_mail_by_hand(self):
        with postroad.Server() as server:
            done = self.talk(f"127.0.0.1:{server.port}",
                             ["EHLO client.example", "MIAL FROM:<a@client.example>", "MAIL FROM:<a@client.example>", "RCPT TO:<b@x.example>", "DATA",
                              "Subject: by hand", "", ".dot", ".", "QUIT"])
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("did you mean MAIL?", done.stderr)
            self.assertIn("<** 500 5.5.2", done.stderr)
            mail, = server.wait_mail(1)
            self.assertEqual(mail.message, b"Subject: by hand\r\n\r\n.dot\r\n")

    def test_an_input_that_ends_inside_the_message(self):
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            done = self.talk(f"127.0.0.1:{fake.port}", ["EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<b@x.example>", "DATA", "Subject: half", "", "he"])
            self.assertEqual(done.returncode, 65, done.stderr)
            self.assertRegex(done.stderr, "the input ended inside the message.*without the final dot")
            self.assertNotIn(".", fake.heard)
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            self.assertEqual(self.talk(f"127.0.0.1:{fake.port}", ["EHLO c.example"]).returncode, 0)

    def secured(self):
        certificates = Certificates(self.folder.path)
        certificate, key = certificates.make("server")
        users = self.folder.path / "users"
        postroad.add_user(users, "test", PASSWORD)
        listener = {"role": "submission", "tls": "required", "certificate": certificate, "key": key}
        settings = {"server": {"users": users}, "listener": [listener], "local": {"domains": ["x.example"], "mailboxes": ["b"]}}
        return certificates, settings

    def test_starttls_and_auth_with_the_password_hidden(self):
        certificates, settings = self.secured()
        with postroad.Server(settings) as server:
            for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"):
                done = self.talk(f"localhost:{server.port}", ["EHLO client.example", "STARTTLS", "EHLO client.example", f"AUTH {mechanism}", "QUIT"],
                                 "--user", "test", "--password-env", "TALK_PASSWORD", "--ca-file", certificates.ca, env={"TALK_PASSWORD": PASSWORD})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, r"=== TLS TLSv1\.3")
                self.assertIn("235 2.7.0", done.stderr)
                for secret in postroad.encodings_of_secret("test", PASSWORD):
                    self.assertNotIn(secret, done.stdout + done.stderr)

    def test_the_password_is_not_sent_in_clear_and_the_session_goes_on(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"), replies={"AUTH": "235 2.7.0 in"})
        for flags, sent in (((), False), (("--allow-password-in-clear",), True)):
            with self.subTest(flags=flags), by_hand.FakeServer(script) as fake:
                done = self.talk(f"127.0.0.1:{fake.port}", ["EHLO client.example", "AUTH PLAIN", "NOOP", "QUIT"], "--user", "test", "--password-env",
                                 "TALK_PASSWORD", *flags, env={"TALK_PASSWORD": PASSWORD})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(any(line.startswith("AUTH") for line in fake.heard), sent)
                self.assertEqual(fake.heard[-2:], ["NOOP", "QUIT"])
                if not sent:
                    self.assertRegex(done.stderr, r"AUTH PLAIN: not sent: .*no TLS.*STARTTLS.*--allow-password-in-clear")

    def test_auth_uses_the_mechanism_of_the_flag_and_no_other(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN LOGIN"), replies={"AUTH": "235 2.7.0 in"})
        with by_hand.FakeServer(script) as fake:
            done = self.talk(f"127.0.0.1:{fake.port}", ["EHLO client.example", "AUTH LOGIN", "AUTH LOGIN dGVzdA==", "AUTH", "QUIT"], "--auth", "PLAIN",
                             "--user", "test", "--password-env", "TALK_PASSWORD", "--allow-password-in-clear", env={"TALK_PASSWORD": PASSWORD})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.split()[:2] for line in fake.heard if line.startswith("AUTH")], [["AUTH", "PLAIN"]])
        self.assertEqual(done.stderr.count("AUTH LOGIN is not sent: --auth PLAIN was given; type AUTH alone"), 2)

    def test_a_mechanism_that_cannot_use_the_flags_is_not_begun(self):
        password, token = ("--password-env", "TALK_PASSWORD"), ("--token-env", "TALK_PASSWORD")
        for line, flags, why in (("AUTH LOGIN", (*password, "--authorize-as", "ben"), "cannot carry the name of --authorize-as"),
                                 ("AUTH EXTERNAL", (), "start again with --certificate"), ("AUTH PLAIN", token, "the flags give a token"),
                                 ("AUTH SCRAM-SHA-256-PLUS", password, "use STARTTLS")):
            with self.subTest(line), by_hand.FakeServer(by_hand.plain_server) as fake:
                done = self.talk(f"127.0.0.1:{fake.port}", ["EHLO client.example", line, "QUIT"], "--user", "test", *flags, "--allow-password-in-clear",
                                 env={"TALK_PASSWORD": PASSWORD})
                self.assertEqual((done.returncode, fake.heard), (0, ["EHLO client.example", "QUIT"]), done.stderr)
                self.assertRegex(done.stderr, f"{line}: not sent: .*{why}")

    def test_what_is_missing_for_auth_is_explained_and_asked_for_again(self):
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            done = self.talk(f"127.0.0.1:{fake.port}", ["EHLO client.example", "AUTH PLAIN", "NOOP", "QUIT"], "--user", "test", "--password-env", "TALK_NONE",
                             "--allow-password-in-clear")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"--password-env TALK_NONE: this environment variable is not set")
        self.assertEqual(fake.heard[-2:], ["NOOP", "QUIT"])

    def test_a_login_is_not_read_from_the_lines_of_a_pipe(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN LOGIN"), replies={"AUTH": "235 2.7.0 in"})
        clear, remedy = "--allow-password-in-clear", "--user with --password-file or --password-env"
        for flags, typed, why in (((clear,), "AUTH PLAIN", remedy), ((), "AUTH LOGIN", remedy), (("--auth", "PLAIN", "--user", "ann", clear), "AUTH LOGIN", "--auth"),
                                  (("--user", "ann", clear), "AUTH PLAIN", "--password-file, --password-env"), (("--user", "ann"), "AUTH PLAIN", "no TLS")):
            with self.subTest(flags=flags), by_hand.FakeServer(script) as fake:
                # Without a controlling terminal, so that /dev/tty cannot be opened.
                done = subprocess.run([postroad.BINARY, "talk", f"127.0.0.1:{fake.port}", *flags], input=f"EHLO c.example\n{typed}\nann\n{PASSWORD}\nQUIT\n",
                                      capture_output=True, text=True, env=postroad.CLEAN, start_new_session=True, timeout=postroad.PATIENCE)
                self.assertEqual((done.returncode, fake.heard), (64, ["EHLO c.example"]), done.stderr)
                self.assertIn(why, done.stderr)
                self.assertIn("the session was ended", done.stderr)
                self.assertNotIn(PASSWORD, done.stdout + done.stderr)

    def test_row_48_a_server_that_does_not_prove_itself_is_not_believed(self):
        certificates = Certificates(self.folder.path)
        tls = server_context(*certificates.make("server"))

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(tls)
            by_hand.converse(peer, ehlo=("fake.example", "AUTH SCRAM-SHA-256"), until="AUTH")
            for challenge in (b"nonsense", b"v="):  # the client gave no proof, so a proof of the server would mean nothing
                peer.say("334 " + base64.b64encode(challenge).decode() + "\r\n")
                peer.line()
            peer.say("235 2.7.0 in\r\n")
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            done = self.talk(f"localhost:{fake.port}", ["EHLO client.example", "STARTTLS", "EHLO client.example", "AUTH SCRAM-SHA-256", "QUIT"],
                             "--user", "test", "--password-env", "TALK_PASSWORD", "--ca-file", certificates.ca, env={"TALK_PASSWORD": PASSWORD})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("did not prove that it knows the password", done.stderr)

    def test_row_1_what_came_in_clear_is_not_believed(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n250 fake.example\r\n")
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            done = self.talk(f"localhost:{fake.port}", ["EHLO client.example", "STARTTLS", "EHLO client.example"])
        self.assertEqual(done.returncode, 76, done.stderr)
        self.assertIn("in plaintext", done.stderr)

    def test_flags_that_would_be_ignored_are_refused(self):
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            server = f"127.0.0.1:{fake.port}"
            for flags, why in ((("-s", "127.0.0.1:1"), "-s, HOST: mutually exclusive"), (("--server=127.0.0.1:1",), "--server, HOST: mutually exclusive"),
                               (("--plain-helo", "--require-tls"), "--plain-helo, --require-tls: HELO offers no STARTTLS"),
                               (("--no-tls", "--ca-file", __file__), "--no-tls, --ca-file: mutually exclusive"),
                               (("--auth", "CRAM-MD5", "--authorize-as", "ben"), "--authorize-as, --auth CRAM-MD5: this mechanism cannot carry")):
                with self.subTest(flags=flags):
                    done = self.talk(server, ["QUIT"], *flags)
                    self.assertEqual((done.returncode, fake.heard), (64, []), done.stderr)
                    self.assertIn(f"postroad talk: {why}", done.stderr)
            done = self.talk(f"lmtp://{server}", ["QUIT"], "--plain-helo")
            self.assertEqual((done.returncode, fake.heard), (64, []), done.stderr)
            done = postroad.run("talk", "-s", server, input="QUIT\n")
            self.assertEqual((done.returncode, fake.heard), (0, ["QUIT"]), done.stderr)
            done = postroad.run("talk", f"ann@{server}", "-u", "ben")
            self.assertIn("-u ben: the URL of HOST names another user", done.stderr)

    def test_wrong_input(self):
        done = self.talk("http://h", [])
        self.assertEqual(done.returncode, 64)
        self.assertIn("the schemes are smtp, smtps and lmtp", done.stderr)
        with by_hand.FakeServer(lambda peer: None) as gone:
            port = gone.port
        done = self.talk(f"127.0.0.1:{port}", ["QUIT"])
        self.assertEqual(done.returncode, 75)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)

    # Flags that choose how the server is reached.

    def with_starttls(self, pair):
        tls = server_context(*pair)

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(tls)
            by_hand.converse(peer)
        return script

    def test_require_tls_is_held(self):
        certificates = Certificates(self.folder.path)
        with by_hand.FakeServer(self.with_starttls(certificates.make("server"))) as fake:
            done = self.talk(f"localhost:{fake.port}", ["NOOP", "QUIT"], "--require-tls", "--helo", "me.example", "--ca-file", certificates.ca)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(fake.heard, ["EHLO me.example", "STARTTLS", "EHLO me.example", "NOOP", "QUIT"])
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            done = self.talk(f"localhost:{fake.port}", ["NOOP", "QUIT"], "--require-tls")
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("--require-tls", done.stderr)
        self.assertNotIn("NOOP", fake.heard)

    def test_pins_are_held(self):
        certificates = Certificates(self.folder.path)
        pair, other = certificates.make("server"), certificates.make("other")
        lines = ["EHLO client.example", "STARTTLS", "EHLO client.example", "QUIT"]
        for pin, code in ((pin_of(pair[0]), 0), (pin_of(other[0]), 77)):
            with by_hand.FakeServer(self.with_starttls(pair)) as fake:
                done = self.talk(f"localhost:{fake.port}", lines, "--pin", pin)
                self.assertEqual(done.returncode, code, done.stderr)

    def test_a_client_certificate_is_shown(self):
        certificates = Certificates(self.folder.path)
        ann = certificates.make("ann")
        tls = server_context(*certificates.make("server"))
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(str(certificates.ca))
        seen = []

        def script(peer):
            peer.starttls(tls)
            seen.append(peer.socket.getpeercert())
            by_hand.plain_server(peer)
        with by_hand.FakeServer(script) as fake:
            done = self.talk(f"smtps://localhost:{fake.port}", ["QUIT"], "--ca-file", certificates.ca, "--certificate", ann[0], "--key", ann[1])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(seen and seen[0])

    def test_a_proxy_is_gone_through(self):
        def script(peer):
            self.assertEqual(peer.socket.recv(64)[:1], b"\x05")
            peer.say(b"\x05\x00")
            asked = peer.socket.recv(512)
            self.assertIn(b"far.example", asked)
            peer.say(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x19")
            by_hand.plain_server(peer)
        with by_hand.FakeServer(script) as fake:
            done = self.talk("far.example:2525", ["EHLO client.example", "QUIT"], "--proxy", f"socks5://127.0.0.1:{fake.port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(fake.heard, ["EHLO client.example", "QUIT"])

    def test_the_name_of_helo_is_said(self):
        for flags, lines, heard in ((("--helo", "me.example"), [], ["EHLO me.example"]), (("--helo", "me.example", "--plain-helo"), [], ["HELO me.example"]),
                                    (("--helo", "me.example"), ["HELO"], ["EHLO me.example", "HELO me.example"]), ((), ["EHLO"], ["EHLO [127.0.0.1]"]),
                                    ((), ["EHLO you.example"], ["EHLO you.example"])):
            with self.subTest(flags=flags, lines=lines), by_hand.FakeServer(by_hand.plain_server) as fake:
                done = self.talk(f"127.0.0.1:{fake.port}", [*lines, "QUIT"], *flags)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(fake.heard, [*heard, "QUIT"])

    def test_no_tls_is_held(self):
        with by_hand.FakeServer(by_hand.plain_server) as fake:
            done = self.talk(f"127.0.0.1:{fake.port}", ["STARTTLS", "QUIT"], "--no-tls")
        self.assertEqual((done.returncode, fake.heard), (0, ["QUIT"]), done.stderr)
        self.assertIn("--no-tls", done.stderr)

    def test_time_out(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            peer.line()
            peer.line()  # until the client gives up
        with by_hand.FakeServer(script) as fake:
            done = self.talk(f"127.0.0.1:{fake.port}", ["NOOP", "QUIT"], "--timeout", "1s")
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_at_a_terminal_a_line_can_be_edited(self):
        with postroad.Server() as server:
            main, side = pty.openpty()
            process = subprocess.Popen([postroad.BINARY, "talk", f"127.0.0.1:{server.port}"], stdin=side, stdout=side, stderr=side,
                                       env={**postroad.CLEAN, "TERM": "xterm"}, start_new_session=True)
            os.close(side)
            seen = b""

            def until(pattern):
                nonlocal seen
                while not re.search(pattern, seen):
                    seen += os.read(main, 4096)
            until(rb"> ")
            os.write(main, b"NOOQ\x7fP\r")  # a typing error, corrected
            until(rb"250 2\.0\.0")
            os.write(main, b"QUIT\r")
            until(rb"221 2\.0\.0")
            self.assertEqual(process.wait(postroad.PATIENCE), 0)
            os.close(main)
            self.assertIn(b"-> NOOP", seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
