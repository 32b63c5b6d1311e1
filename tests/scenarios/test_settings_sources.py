# Sources of settings besides the file: --set (listeners by index and by name), the environment with misspelt variables, and older
# spellings, which are read with a warning. Every problem is reported in one round, one line each.
import unittest

import postroad


class SettingsSources(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())

    def show(self, *flags, code=0, text=None, env=None, verb=("config", "show")):
        if text is not None:
            flags = ("--config", self.folder.write("postroad.toml", text), *flags)
        done = postroad.run(*verb, *flags, env=env)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    # --set

    def test_set_a_listener(self):
        self.assertIn("\nport = 25  # default 2525\n", self.show("--set", "listener.port=25").stdout)
        two = '[[listener]]\nport = 1\nname = "inbound"\n[[listener]]\nport = 2\n'
        shown = self.show("--set", "listener.inbound.port=25", "--set", "listener.1.port=587", text=two).stdout
        self.assertRegex(shown, r"(?s)port = 25 .*port = 587 ")
        self.assertRegex(self.show("--set", "listener.port=25", text=two, code=78).stderr,
                         r"^postroad config show: --set listener\.port: no such option; did you mean listener\.[01]\.port\?$")

    def test_set_that_is_wrong(self):
        for flags, sentence in ((("x",), r"--set x: no value; write NAME=VALUE such as server\.data=/var/mail"),
                                (("server.hostnam=x",), r"--set server\.hostnam: no such option; did you mean server\.hostname\?"),
                                (("listener.port=x",), r"--set listener\.port: x: not an integer")):
            for verb in (("config", "show"), ("config", "check"), ("serve",)):
                with self.subTest(flags=flags, verb=verb):
                    self.assertRegex(self.show("--set", *flags, code=78, verb=verb).stderr, rf"^postroad [a-z ]+: {sentence}")

    # the environment

    def test_a_misspelt_variable(self):
        env = {"POSTROAD_SERVER_HOSTNAM": "mail.example"}
        sentence = "POSTROAD_SERVER_HOSTNAM: no option has this environment variable; did you mean POSTROAD_SERVER_HOSTNAME?"
        for verb in (("config", "show"), ("config", "check"), ("serve",)):
            self.assertIn(sentence, self.show(code=78, env=env, verb=verb).stderr)
        for words in (("send", "--dry-run", "-f", "a@x.example", "-t", "b@x.example", "--text", "x"), ("lint", __file__), ("--version",)):
            done = postroad.run(*words, env=env)
            self.assertIn(f"postroad: warning: {sentence}", done.stderr)
            self.assertEqual(done.returncode, postroad.run(*words).returncode)

    def test_variables_that_are_meant(self):
        env = {"POSTROAD_SERVER_HOSTNAME": "mail.example", "POSTROAD_SENDMAIL_SERVER": "smtp://h", "POSTROAD_PORT": "tcp://10.0.0.1:25",
               "POSTROAD_PORT_25_TCP_ADDR": "10.0.0.1", "POSTROAD_SERVICE_HOST": "10.0.0.1"}
        self.assertEqual(self.show(env=env).stderr, "")
        services = {"POSTROAD_MX_SERVICE_HOST": "10.0.0.1", "POSTROAD_MX_PORT": "tcp://10.0.0.1:25", "POSTROAD_METRICS_PORT_9925_TCP_PROTO": "tcp",
                    "POSTROAD_NAME": "/web/postroad", "POSTROAD_ENV_PATH": "/bin"}
        self.assertEqual(self.show(env=services).stderr, "")
        with postroad.Server(env=services):
            pass
        done = postroad.run("user", "add", "ann", "--file", self.folder.path / "users", "--password-env", "POSTROAD_PW", env={"POSTROAD_PW": "s3cret"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    # older spellings

    def test_older_spellings_are_read_with_a_warning(self):
        text = ('[delivery]\nfirst_retry = "1min"\nlongest_retry = "2h"\n\n[local]\ndomains = ["here.example"]\nmailboxes = ["postmaster"]\n\n'
                '[[listener]]\nrole = "relay_in"\nport = 0\n\n[[listener]]\nrole = "catch_all"\nport = 0\n\n'
                '[limits]\nmails = 7\n\n[clients]\noctets = "1KiB/h"\n\n[logins]\noctets = "2KiB/h"\n')
        warnings = (r"warning: \S*postroad\.toml:2:1: delivery\.first_retry was renamed; use retry\.initial_delay",
                    r"warning: \S*postroad\.toml:3:1: delivery\.longest_retry was renamed; use retry\.max_delay",
                    r'warning: \S*postroad\.toml:10:8: listener\.role = relay_in: this value was renamed; use "mx"',
                    r'warning: \S*postroad\.toml:14:8: listener\.role = catch_all: this value was renamed; use "catcher"',
                    r"warning: \S*postroad\.toml:18:1: limits\.mails was renamed; use messages",
                    r"warning: \S*postroad\.toml:21:1: clients\.octets was renamed; use bytes",
                    r"warning: \S*postroad\.toml:24:1: logins\.octets was renamed; use bytes")
        done = self.show(text=text)
        for warning in warnings:
            self.assertRegex(done.stderr, warning)
        for line in ('max_delay = "2h"', 'role = "mx"', 'port = 0', 'messages = 7', 'bytes = "1024/h"', 'bytes = "2048/h"'):
            self.assertIn(line, done.stdout)
        done = self.show("--offline", text=text, verb=("config", "check"))
        for warning in warnings:
            self.assertRegex(done.stderr, warning)
        self.assertIn("usable, with warnings", done.stdout)
        with postroad.Server({"listener": [{"role": "relay_in"}], "local": {"domains": ["here.example"], "mailboxes": ["a"]}}) as server:
            self.assertRegex(server.log, r'warning: \S+:\d+:\d+: listener\.role = relay_in: this value was renamed; use "mx"')

    def test_every_problem_in_one_round_one_line_each(self):
        text = '[server]\nhostnam = "x"\n[limits]\nerrors = "many"\n[[listener]]\nport = 70000\n'
        lines = self.show("--set", "x", "--set", "listener.0.banner=x", text=text, code=78, verb=("config", "check"), env={"POSTROAD_SERVER_DATE": "/x"}).stderr.splitlines()
        self.assertEqual(len(lines), 5, lines)
        for line, pattern in zip(lines, (r"postroad\.toml:2:1: unknown key server\.hostnam; did you mean hostname\?", r"postroad\.toml:4:10: limits\.errors: expected an integer",
                                         r"postroad\.toml:6:8: listener\.port = 70000: out of range", r"POSTROAD_SERVER_DATE: .*did you mean POSTROAD_SERVER_DATA\?",
                                         r"--set x: no value")):
            self.assertRegex(line, rf"^postroad config check: \S*{pattern}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
