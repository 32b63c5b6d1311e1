# Which server gets which password: the login of a URL is for that server alone, that of the flags for every server whose URL has none. Flags
# of a login that cannot take part in one are refused, and never ignored. Commands that print a password may fail, and say so.
import base64
import unittest

import by_hand
import postroad

MAIL = ("-f", "a@x.example", "-t", "b@y.example", "--text", "hi", "--allow-password-in-clear", "--auth", "PLAIN")
PLAIN = tuple(word for word in MAIL if word not in ("--auth", "PLAIN"))


def server(mail="250 2.1.0 ok"):
    def script(peer):
        peer.say("220 fake.example ESMTP\r\n")
        by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"), replies={"AUTH": "235 2.7.0 in", "MAIL": mail})
    return script


def logins(fake):
    """The logins of its clients in the form user:password."""
    tokens = [line.split()[2] for line in fake.heard if line.startswith("AUTH PLAIN ")]
    return [base64.b64decode(token).decode().lstrip("\0").replace("\0", ":") for token in tokens]


class LoginFlags(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())
        self.password = self.folder.write("pw", "s3cret\n", 0o600)

    def send(self, *flags, mail=PLAIN, **how):
        return postroad.run("send", *flags, *mail, env={"PW": "s3cret"}, **how)

    # The first server defers, so that the second is tried.

    def through_two(self, first, second, *flags, mail=PLAIN):
        with by_hand.FakeServer(server("421 4.3.2 not now")) as a, by_hand.FakeServer(server()) as b:
            done = self.send("-s", first.format(a.port), "--relay", second.format(b.port), *flags, mail=mail)
            return done, logins(a), logins(b)

    def test_the_login_of_a_url_is_for_its_server_alone(self):
        done, first, second = self.through_two("smtp://ann:s3cret@127.0.0.1:{}", "smtp://127.0.0.1:{}")
        self.assertEqual((done.returncode, first, second), (0, ["ann:s3cret"], []), done.stderr)

    def test_the_login_of_a_relay_wins_over_the_flags(self):
        flags = ("-u", "ann", "--password-file", self.password)
        done, first, second = self.through_two("smtp://127.0.0.1:{}", "smtp://bob:other@127.0.0.1:{}", *flags)
        self.assertEqual((done.returncode, first, second), (0, ["ann:s3cret"], ["bob:other"]), done.stderr)
        done, first, second = self.through_two("smtp://127.0.0.1:{}", "smtp://127.0.0.1:{}", *flags)
        self.assertEqual((done.returncode, first, second), (0, ["ann:s3cret"], ["ann:s3cret"]), done.stderr)

    def test_a_login_half_in_the_url_is_not_for_two_servers(self):
        for flags, mail in ((("--password-file", self.password), PLAIN), ((), MAIL)):
            url = "smtp://ann@127.0.0.1:{}" if flags else "smtp://ann:s3cret@127.0.0.1:{}"
            done, first, second = self.through_two(url, "smtp://127.0.0.1:{}", *flags, mail=mail)
            self.assertEqual((done.returncode, first, second), (64, [], []), done.stderr)
            self.assertIn("--relay: the user in the URL of -s is for that server alone", done.stderr)

    def test_one_server(self):
        with by_hand.FakeServer(server()) as fake:
            for url, flags in (("ann:s3cret@", ()), ("ann:s3cret@", ("--auth", "PLAIN")), ("ann@", ("--password-env", "PW")),
                               ("", ("-u", "ann", "--password-file", self.password)), ("ann@", ("-u", "ann", "--password-file", self.password))):
                done = self.send("-s", f"smtp://{url}127.0.0.1:{fake.port}", *flags)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(logins(fake)[-1], "ann:s3cret")

    # Nothing is ignored.

    def test_flags_without_a_user_are_refused(self):
        with by_hand.FakeServer(server()) as fake:
            for flags in (("--password-file", self.password), ("--password-env", "PW"), ("--password-command", "echo x"), ("--token-env", "PW"),
                          ("--token-command", "echo x"), ("--auth", "PLAIN"), ("--auth", "EXTERNAL"), ("--authorize-as", "ben")):
                with self.subTest(flags):
                    done = self.send("-s", f"smtp://127.0.0.1:{fake.port}", *flags)
                    self.assertEqual(done.returncode, 64, done.stderr)
                    self.assertRegex(done.stderr, rf"postroad send: {flags[0]}.*: needs .*--user")
        self.assertEqual(fake.heard, [])

    def test_two_sources_of_a_password_are_refused(self):
        for flags in (("--password-file", self.password, "--password-env", "PW"), ("--token-env", "PW", "--token-command", "echo x"),
                      ("--password-command", "echo x", "--token-env", "PW")):
            with self.subTest(flags):
                done = self.send("-s", "smtp://127.0.0.1:1", "-u", "ann", *flags)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(f"{flags[0]}, {flags[2]}: mutually exclusive; give only one", done.stderr)
        done = self.send("-s", "smtp://ann:x@127.0.0.1:1", "--password-env", "PW")
        self.assertIn("--password-env: the URL of -s has a password, too; give one", done.stderr)
        done = self.send("-s", "smtp://ann:x@127.0.0.1:1", "-u", "ben")
        self.assertIn("-u ben: the URL of -s names another user; give one", done.stderr)
        done = self.send("--server", "smtp://ann:x@127.0.0.1:1", "--user", "ben")
        self.assertIn("--user ben: the URL of --server names another user; give one", done.stderr)
        done = postroad.run("user", "add", "ann", "--file", self.folder.path / "users", "--password-file", self.password, "--password-env", "PW")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("--password-file, --password-env: mutually exclusive", done.stderr)

    def test_a_command_that_prints_a_password(self):
        with by_hand.FakeServer(server()) as fake:
            def run(command, flag="--password-command"):
                return self.send("-s", f"smtp://127.0.0.1:{fake.port}", "-u", "ann", flag, command)
            for command in ("echo s3cret", "printf s3cret", r"printf 's3cret\r\nuser: ann\r\n'", "echo s3cret; seq 1 5000"):
                done = run(command)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(logins(fake)[-1], "ann:s3cret")
            heard = len(fake.heard)
            for flag in ("--password-command", "--token-command"):
                for command, why in (("echo s3cret; exit 3", "exit code 3"), ("echo s3cret; kill -9 $$", "signal 9"), ("nonsense-command", "exit code 127"),
                                     ("yes", "more than 65536 bytes"), ("true", "printed nothing"), ("echo", "printed nothing")):
                    done = run(command, flag)
                    self.assertEqual(done.returncode, 65, (command, done.stderr))
                    self.assertRegex(done.stderr.splitlines()[-1], f"^postroad send: {flag}: .*{why}")
            self.assertEqual(len(fake.heard), heard)


class TheServerOfTheOutcome(unittest.TestCase):
    def test_it_is_named_and_no_password_is(self):
        with by_hand.FakeServer(server("421 4.3.2 not now")) as a, by_hand.FakeServer(server()) as b:
            urls = ("-s", f"smtp://ann:s3cretA@127.0.0.1:{a.port}", "--relay", f"smtp://ann:s3cretB@127.0.0.1:{b.port}")
            done = postroad.run("send", *urls, *PLAIN, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f'"server":"127.0.0.1:{b.port}"', done.stdout)
            self.assertNotIn("s3cret", done.stdout + done.stderr)
            # Both defer: the last one is named, with its reply.
            done = postroad.run("send", urls[0], urls[1], "--relay", f"smtp://ann:s3cretC@127.0.0.1:{a.port}", *PLAIN, "--json")
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertIn(f'"where":"127.0.0.1:{a.port}"', done.stdout)
            self.assertNotIn("s3cret", done.stdout + done.stderr)

    def test_one_server(self):
        with by_hand.FakeServer(server()) as fake:
            done = postroad.run("send", "-s", f"smtp://127.0.0.1:{fake.port}", *PLAIN, "--json")
        self.assertEqual(done.stdout.count(f'"server":"127.0.0.1:{fake.port}"'), 2, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
