# Help of the command and its verbs: where it is found, its exit codes, its defaults.
import re
import unittest

import postroad


class Help(unittest.TestCase):
    def test_every_exit_code_is_documented(self):
        folder = self.enterContext(postroad.Folder()).path
        self.assertEqual(postroad.run("man", folder).returncode, 0)
        for verb, codes in (("send", (0, 64, 65, 66, 68, 69, 74, 75, 76, 77)), ("talk", (0, 64, 65, 66, 68, 75, 76, 77)), ("serve", (0, 66, 73, 74, 78)),
                            ("sendmail", (0, 64, 65, 66, 68, 69, 74, 75, 76, 77, 78))):
            help = postroad.run(verb, "--help").stdout.split("Exit codes\n")[1]
            page = (folder / f"postroad-{verb}.1").read_text().split(".SH EXIT STATUS\n")[1]
            for code in codes:
                with self.subTest(verb=verb, code=code):
                    self.assertRegex(help, rf"(?m)^ +{code}  \S")
                    self.assertIn(f"\\fB{code}\\fR", page)

    def test_help_on_nothing(self):
        for words, meant in ((("nonsense",), ""), (("sned",), "did you mean send?"), (("mail", "lsit"), "did you mean list?")):
            done = postroad.run(*words, "--help")
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertIn(f"unknown command {words[-1]}", done.stderr)
            self.assertIn(meant, done.stderr)

    def test_help_as_a_command(self):
        for words in ((), ("send",), ("serve",), ("sendmail",), ("mail",), ("dkim", "sign"), ("help",)):
            with self.subTest(words):
                done = postroad.run("help", *words)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(done.stdout, postroad.run(*words, "--help").stdout)
        for words in (("nonsense",), ("sned",), ("mail", "lsit")):
            with self.subTest(words):
                done = postroad.run("help", *words)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertEqual(done.stderr, postroad.run(*words).stderr)

    def test_help_shows_each_default(self):
        def text(verb):
            return " ".join(postroad.run(*verb.split(), "--help").stdout.split())
        for verb, name, default in (("send", "server", "`smtp://127.0.0.1:2525`"), ("send", "timeout", "`30s`"), ("send", "helo", "the local IP address"),
                                    ("send", "require-tls", "required with a login; else TLS is used if the server offers it"),
                                    ("send", "auth", "the strongest that client and server support"), ("send", "ca-file", "those of the system"),
                                    ("send", "chunking", "`when-needed`"), ("send", "dkim-domain", "that of From"), ("talk", "timeout", "`30s`"),
                                    ("talk", "require-tls", "TLS begins when STARTTLS is typed, or with smtps://"),
                                    ("mail wait", "count", "`1`"), ("mail list", "data", "`./postroad-mail`"), ("dkim keygen", "bits", "`2048`"),
                                    ("user add", "file", "`./postroad-users`"), ("serve", "config", "none, and all options have their defaults")):
            with self.subTest(verb=verb, flag=name):
                self.assertRegex(text(verb), rf"--{name} ((?! --\w).)* Default: {re.escape(default)}\.")
        for verb in ("send", "talk", "serve", "user add", "dkim keygen", "config check"):
            self.assertNotRegex(text(verb), r"\(default|; default", "one form")


if __name__ == "__main__":
    unittest.main(verbosity=2)
