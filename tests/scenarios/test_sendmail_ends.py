# The sendmail command: its exit codes and its settings.
import re
import unittest

import by_hand
from certificates import Certificates
import postroad
from postroad import crlf
from sendmail_entry import MAIL, plain, Sent, Sendmail


class ExitCodes(Sendmail):
    def test_75_nobody_listens(self):
        with by_hand.FakeServer(plain) as fake:
            port = fake.port
        done = postroad.run_program(self.program, "b@x.example", input=MAIL, env=self.environment(port))
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, rf"^sendmail: 127\.0\.0\.1:{port} CONNECT: .+\n$")

    def test_75_the_servers_name_has_no_address(self):
        # 68 would mean that a recipient's host is unknown, which callers treat as permanent.
        sent = self.call("b@x.example", env={"POSTROAD_SENDMAIL_SERVER": f"smtp://{postroad.NO_SUCH_HOST}"}, code=75)
        self.assertIn(postroad.NO_SUCH_HOST, sent.words)

    def test_69_refused_and_75_deferred(self):
        for code, reply in ((69, "550 5.7.1 go away"), (75, "450 4.2.1 later")):
            for stage in ("mail", "rcpt", "data", "dot"):
                with self.subTest(stage=stage, reply=reply):
                    sent = self.call("b@x.example", "c@x.example", script=lambda peer: plain(peer, **{stage: reply}), code=code)
                    for one in ("b@x.example", "c@x.example"):
                        self.assertRegex(sent.words, rf"(?m)^sendmail: {re.escape(one)} (refused|deferred): {reply}$")

    def test_75_goodbye(self):
        self.call("b@x.example", script=lambda peer: peer.say("421 4.3.2 not now\r\n"), code=75)
        sent = self.call("b@x.example", script=lambda peer: plain(peer, mail="421 4.3.2 not now"), code=75)
        self.assertIn("421 4.3.2 not now", sent.words)

    def test_one_refused_and_the_others_get_it(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            for reply in ("250 fake.example", "250 Ok", "550 5.1.1 \x1b[31mnobody", "250 Ok", "354 go on"):
                peer.line()
                peer.say(reply + "\r\n")
            peer.text()
            peer.say("250 2.0.0 taken\r\n")
            by_hand.converse(peer)
        sent = self.call("b@x.example", "c@x.example", script=script, code=69)
        self.assertIsNotNone(sent.text)
        self.assertRegex(sent.words, r"b@x\.example refused: 550 5\.1\.1 ")
        self.assertNotIn("\x1b", sent.words)
        self.assertNotIn("c@x.example", sent.words)

    def test_75_unknown_and_no_second_try(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")
        sent = self.call("b@x.example", script=script, code=75)
        self.assertIn("b@x.example unknown", sent.words)
        self.assertEqual(len([line for line in sent.heard if line.startswith("MAIL")]), 1)

    def test_75_silence_after_the_dot_ends_with_the_timeout(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")
            peer.line()  # until it gives up
        config = self.folder.write("patience.toml", 'timeout = "1s"\n')
        sent = self.call("b@x.example", script=script, code=75, env={"POSTROAD_SENDMAIL_CONFIG": str(config)}, timeout=15)
        self.assertIn("unknown", sent.words)

    def test_76_not_smtp(self):
        self.call("b@x.example", script=lambda peer: peer.say("HTTP/1.1 400 Bad Request\r\n\r\n"), code=76)


class Settings(Sendmail):
    def test_78_names_file_and_line(self):
        for text, line, says in (('domain = "x.example"\nserver = 5\n', 2, "server"), ('\n\nsevrer = "smtp://h"\n', 3, "server"), ('timeout = "soon"\n', 1, "timeout"),
                                 ('server = "unclosed\n', 1, "")):
            for mode in ([], ["-bs"]):
                with self.subTest(text, mode=mode):
                    path = self.folder.write("wrong.toml", text)
                    sent = self.call(*mode, "b@x.example", code=78, env={"POSTROAD_SENDMAIL_CONFIG": str(path)})
                    self.assertRegex(sent.words, rf"^sendmail: {re.escape(str(path))}:{line}\b.*{says}")
                    self.assertEqual((sent.heard, sent.out), ([], ""))

    def test_78_values_that_cannot_be(self):
        for text, says in (('domain = "not a domain"\n', "domain"), ('user = "u"\npassword_file = "/nowhere/pw"\n', "/nowhere/pw"), ('user = "u"\n', "password")):
            path = self.folder.write("wrong.toml", text)
            for mode in ([], ["-bs"]):
                with self.subTest(text, mode=mode):
                    sent = self.call(*mode, "b@x.example", code=78, env={"POSTROAD_SENDMAIL_CONFIG": str(path)})
                    self.assertIn(says, sent.words)
                    self.assertEqual((sent.heard, sent.out), ([], ""))
        for url in ("http://h", "smtp://", "smtp://h:0"):
            self.refused("b@x.example", code=78, says="server", env={"POSTROAD_SENDMAIL_SERVER": url})
        path = self.folder.write("wrong.toml", 'server = "http://h"\n')
        env = {**self.environment(1), "POSTROAD_SENDMAIL_CONFIG": str(path)}
        del env["POSTROAD_SENDMAIL_SERVER"]
        done = postroad.run_program(self.program, "b@x.example", input=MAIL, env=env)
        self.assertEqual(done.returncode, 78, done.stderr)

    def test_78_the_named_file_is_missing(self):
        sent = self.refused("b@x.example", code=78, says="/nowhere/sendmail.toml", env={"POSTROAD_SENDMAIL_CONFIG": "/nowhere/sendmail.toml"})
        self.assertIn("No such file", sent.words)

    def test_the_file_at_home(self):
        home = self.folder.path / "other-home"
        (home / ".config/postroad").mkdir(parents=True)
        with by_hand.FakeServer(plain) as fake:
            (home / ".config/postroad/sendmail.toml").write_text(f'server = "smtp://127.0.0.1:{fake.port}"\ndomain = "home.example"\n')
            done = postroad.run_program(self.program, "root", input=MAIL, env={"HOME": str(home)})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(Sent(done, fake.heard).recipients, ["root@home.example"])

    def test_login_over_tls(self):
        with postroad.Folder() as folder:
            certificates = Certificates(folder.path)
            certificate, key = certificates.make("server")
            postroad.add_user(folder.path / "users", "test", "s3cret")
            tls = {"certificate": certificate, "key": key, "role": "submission"}
            settings = {"server": {"users": folder.path / "users"}, "local": {"domains": ["x.example"], "mailboxes": ["b"]},
                        "submission": {"senders": ["test: @here.example"]}, "listener": [{"tls": "required", **tls}, {"tls": "implicit", **tls}]}
            right = folder.write("pw", "s3cret\n", 0o600)
            wrong = folder.write("wrong", "other\n", 0o600)
            with postroad.Server(settings, folder=folder.path) as server:
                count = 0
                for port, scheme in zip(server.ports, ("smtp", "smtps")):
                    for password, ca, code in ((right, certificates.ca, 0), (wrong, certificates.ca, 77), (right, None, 77)):
                        for mode in ([], ["-bs"]):
                            with self.subTest(scheme=scheme, code=code, mode=mode):
                                text = f'server = "{scheme}://localhost:{port}"\nuser = "test"\npassword_file = "{password}"\ndomain = "here.example"\n'
                                config = folder.write("sendmail.toml", text + (f'ca_file = "{ca}"\n' if ca else ""))
                                input = MAIL
                                if mode:
                                    input = b"EHLO me\r\nMAIL FROM:<test@here.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n" + crlf(MAIL) + b".\r\nQUIT\r\n"
                                done = postroad.run_program(self.program, *mode, *(["-f", "test", "b@x.example"] if not mode else []), input=input,
                                                            env={"HOME": str(self.home), "POSTROAD_SENDMAIL_CONFIG": str(config)})
                                self.assertNotIn("s3cret", done.stdout + done.stderr)
                                count += code == 0
                                if not mode:
                                    self.assertEqual(done.returncode, code, done.stderr)
                                else:
                                    self.assertRegex(done.stdout.splitlines()[-2], r"^250 " if code == 0 else r"^[45]\d\d ", done.stdout)
                self.assertEqual(len(server.wait_mail(count)), count)

    def test_no_password_in_clear(self):
        password = self.folder.write("pw", "s3cret\n", 0o600)
        text = f'user = "test"\npassword_file = "{password}"\n'
        config = self.folder.write("login.toml", text)
        script = lambda peer: plain(peer, ehlo=("fake.example", "AUTH PLAIN"), auth="235 2.7.0 welcome")  # noqa: E731
        sent = self.call("b@x.example", script=script, code=77, env={"POSTROAD_SENDMAIL_CONFIG": str(config)})
        self.assertFalse([line for line in sent.heard if line.startswith(("AUTH", "MAIL"))])
        config = self.folder.write("login.toml", text + "allow_password_in_clear = true\n")
        sent = self.call("b@x.example", script=script, env={"POSTROAD_SENDMAIL_CONFIG": str(config)})
        self.assertTrue([line for line in sent.heard if line.startswith("AUTH PLAIN ")])


if __name__ == "__main__":
    unittest.main()
