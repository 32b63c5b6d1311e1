# Row 24 of guards.md: no trace, log line, error, JSON output or printed configuration contains a password, neither plain nor in
# base64 nor percent-encoded; nor does the users file.
import base64
import unittest
import urllib.parse

import by_hand
from certificates import Certificates
import postroad

USER, PASSWORD = "test-user", "s3cr3t/Wört:+%& 9"


def login_server(peer, mail="250 2.1.0 ok"):
    peer.say("220 fake.example ESMTP\r\n")
    by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"), replies={"AUTH": "235 2.7.0 in", "MAIL": mail})


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = Certificates(cls.folder.path)
        cls.ca = certificates.ca
        certificate, key = certificates.make("server")
        cls.users = cls.folder.path / "users"
        postroad.add_user(cls.users, USER, PASSWORD)
        tls = {"certificate": certificate, "key": key}
        cls.server = postroad.Server({
            "server": {"users": cls.users}, "local": {"domains": ["x.example"], "mailboxes": ["b"]},
            "submission": {"senders": [f"{USER}: @x.example"]},
            "listener": [{"role": "submission", "tls": "required", **tls}, {"role": "submission", "tls": "none", "allow_auth_in_clear": True}],
            "log": {"format": "json", "level": "debug"}}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.password_file = cls.folder.write("pw", PASSWORD + "\n", 0o600)

    def forms(self, password=PASSWORD):
        forms = postroad.encodings_of_secret(USER, password) | {urllib.parse.quote(password, safe=""), urllib.parse.quote(password)}
        # Inside a longer base64 text a password looks different at each of the three offsets; their common cores:
        raw = password.encode()
        for shift in range(3):
            forms.add(base64.b64encode(b"\0" * shift + raw).decode()[4:-4])
        return {form for form in forms if len(form) > 5}

    def clean(self, text, password=PASSWORD):
        for form in self.forms(password):
            self.assertNotIn(form, text)

    def send(self, *flags, server=None, env=None, code=None):
        done = postroad.run("send", "--server", server or f"smtp://localhost:{self.server.port}", "--ca-file", self.ca, "--from", "a@x.example",
                            "--to", "b@x.example", "--text", "hi", *flags, env=env)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        self.clean(done.stdout + done.stderr)
        return done

    def test_row_24_every_way_in(self):
        quoted = urllib.parse.quote(PASSWORD, safe="")
        clear = f"localhost:{self.server.ports[1]}"
        for mechanism in ("PLAIN", "LOGIN"):
            for view in (["--trace"], ["--json"], ["--trace", "--json"], []):
                with self.subTest(mechanism=mechanism, view=view):
                    both = ["--auth", mechanism, *view]
                    done = self.send("--user", USER, "--password-file", self.password_file, *both, code=0)
                    if "--trace" in view:
                        self.assertIn("[hidden]", done.stderr)
                        self.assertIn(f"AUTH {mechanism}", done.stderr)
                    self.send("--user", USER, "--password-env", "PW", *both, env={"PW": PASSWORD}, code=0)
                    self.send("--user", USER, "--password-command", f"cat {self.password_file}", *both, code=0)
                    self.send(*both, server=f"smtp://{USER}:{quoted}@localhost:{self.server.port}", code=0)
                    self.send("--allow-password-in-clear", *both, server=f"smtp://{USER}:{quoted}@{clear}", code=0)

    def test_row_24_in_errors(self):
        quoted = urllib.parse.quote(PASSWORD, safe="")
        for url in (f"smtp://{USER}:{quoted}@localhost:99999", f"smtp://{USER}:{quoted}@", f"smtp://{USER}:{quoted}@bad host", f"http://{USER}:{quoted}@h",
                    f"smtp://{USER}:{quoted}%zz@localhost", f"smtp://{USER}:{quoted}@localhost?tls=maybe", f"smtp://{USER}:{PASSWORD}@localhost:1",
                    f"smtp://{USER}:{quoted}@{postroad.NO_SUCH_HOST}", f"smtp://{USER}:{quoted}@localhost:1"):
            with self.subTest(url=url):
                self.assertNotEqual(self.send("--trace", server=url).returncode, 0)
                self.assertNotEqual(self.send("--json", server=url).returncode, 0)

    def test_row_24_a_wrong_password_is_a_secret_too(self):
        wrong = "almost-" + PASSWORD
        for mechanism in ("PLAIN", "LOGIN"):
            done = self.send("--trace", "--json", "--user", USER, "--password-env", "PW", "--auth", mechanism, env={"PW": wrong}, code=77)
            self.clean(done.stdout + done.stderr, wrong)
        self.clean(self.server.log, wrong)

    def test_row_24_talk(self):
        done = postroad.run("talk", f"smtp://localhost:{self.server.port}", "--ca-file", self.ca, "--user", USER, "--password-env", "PW",
                            env={"PW": PASSWORD}, input="EHLO client.example\nSTARTTLS\nEHLO client.example\nAUTH LOGIN\nAUTH PLAIN\nQUIT\n")
        self.clean(done.stdout + done.stderr)
        self.assertIn("235 2.7.0", done.stderr)
        by_hand = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        done = postroad.run("talk", f"smtp://localhost:{self.server.port}", "--ca-file", self.ca,
                            input=f"EHLO client.example\nSTARTTLS\nEHLO client.example\nAUTH PLAIN {by_hand}\nQUIT\n")
        self.assertIn("235 2.7.0", done.stderr)
        self.clean(done.stdout + done.stderr)

    def test_row_24_settings_are_shown_without_it(self):
        path = self.folder.write("smart.toml", postroad.toml({"listener": [{"port": 0}], "delivery": {
            "smarthost": "smtp://h.example", "smarthost_user": USER, "smarthost_password": PASSWORD}}))
        for verb in (("config", "show"), ("config", "check")):
            done = postroad.run(*verb, "--config", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.clean(done.stdout + done.stderr)
        done = postroad.run("config", "show", env={"POSTROAD_DELIVERY_SMARTHOST_PASSWORD": PASSWORD})
        self.clean(done.stdout + done.stderr)

    def test_row_24_urls_of_the_configuration(self):
        quoted = urllib.parse.quote(PASSWORD, safe="")
        for table in ({"server": {"login_url": f"http://{USER}:{quoted}@h.example/login"}}, {"delivery": {"smarthost": f"smtp://{USER}:{quoted}@h.example"}},
                      {"server": {"login_url": f"nonsense://{USER}:{quoted}@h.example/login"}}):
            path = self.folder.write("url.toml", postroad.toml(table))
            for verb in (("config", "show"), ("config", "check", "--offline"), ("serve", "--set", "server.data=/proc/none")):
                done = postroad.run(*verb, "--config", path)
                self.clean(done.stdout + done.stderr)
        self.assertIn("login_url is set (not shown: it has a login)", postroad.run("config", "show", "--config", path).stdout)

    def test_row_24_several_relays(self):
        quoted = urllib.parse.quote(PASSWORD, safe="")
        with by_hand.FakeServer(lambda peer: login_server(peer)) as fake:
            urls = [f"smtp://{USER}:{quoted}@127.0.0.1:{fake.port}", f"smtp://{USER}:{quoted}@localhost:1"]
            for first, second in (urls, urls[::-1]):
                for view in ((), ("--json",)):
                    self.send("--allow-password-in-clear", "--relay", second, *view, server=first, code=0)
        def busy():
            return by_hand.FakeServer(lambda peer: login_server(peer, "450 4.3.2 not now"))
        with busy() as one, busy() as other:
            first, second = (f"smtp://{USER}:{quoted}@127.0.0.1:{fake.port}" for fake in (one, other))
            for view in ((), ("--json",)):
                self.send("--allow-password-in-clear", "--relay", second, *view, server=first, code=75)

    def test_row_24_users_file_and_log(self):
        self.clean(self.users.read_text())
        self.assertEqual(self.users.stat().st_mode & 0o777, 0o600)
        self.send("--user", USER, "--password-file", self.password_file, code=0)
        self.assertTrue(self.server.events("login.accepted"))
        self.clean(self.server.log)
        for mail in self.server.wait_mail(1):
            self.clean(mail.octets.decode(errors="replace"))

    def test_the_password_is_not_taken_from_a_flag(self):
        done = postroad.run("send", "--password", PASSWORD, "--user", USER, "--from", "a@x.example", "--to", "b@x.example", "--text", "x")
        self.assertEqual(done.returncode, 64)
        self.clean(done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
