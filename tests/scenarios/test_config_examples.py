# The configurations of examples/config and of the guide are valid: `postroad config check` finds nothing and the server starts on
# them. The guide's smarthost gets a message, with the certificate that the guide's recipe makes. The test replaces their folders,
# ports and hosts.
import json
import os
import pwd
import re
import subprocess
import sys
import unittest

import by_hand
from certificates import Certificates
import postroad

PASSWORD = {"POSTROAD_DELIVERY_SMARTHOST_PASSWORD": "s3cret"}  # of submission.toml's smarthost
EXAMPLES = postroad.ROOT / "examples/config"
GUIDE = postroad.ROOT / "docs/guide"
BLOCK = re.compile(r"(?m)^<!-- (?:configuration|recipe): (\w+) -->\n```\w+\n((?:.*\n)*?)```$")


class ConfigExamples(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())
        certificates = Certificates(self.folder.path)
        certificate, key = certificates.make("server", san="DNS:mx.example.org,DNS:mail.example.org")
        certificate.rename(self.folder.path / "fullchain.pem")
        key.rename(self.folder.path / "key.pem")
        postroad.add_user(self.folder.path / "users", "ann", "s3cret")

    def prepared(self, name, text):
        text = text.replace("/etc/postroad/", f"{self.folder.path}/").replace("/var/lib/postroad", f"{self.folder.path}/data")
        text = text.replace('"./postroad-mail"', f'"{self.folder.path}/data"')
        text = re.sub(r'(?m)^address = .*', 'address = "127.0.0.1"', text)
        text = re.sub(r"(?m)^port = \d+", "port = 0", text)
        text = text.replace("127.0.0.1:9925", "127.0.0.1:0").replace('user = "postroad"', f'user = "{pwd.getpwuid(os.geteuid()).pw_name}"')
        return self.folder.write(f"{name}.toml", text)

    def check(self, name, listeners, text=None):
        path = self.prepared(name, text or (EXAMPLES / f"{name}.toml").read_text())
        done = postroad.run("config", "check", "--config", path, "--offline", env=PASSWORD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"no problem found: {path}", done.stdout)
        self.assertEqual(postroad.run("config", "show", "--config", path).returncode, 0)
        server = RunningExample(path, listeners, self.folder.path)
        with server:
            with by_hand.Session(server.ports[0]) as session:
                self.assertTrue(session.greeting.startswith("220 "))

    def test_every_example_is_tested(self):
        self.assertEqual({path.stem for path in EXAMPLES.glob("*.toml")}, {"laptop", "submission", "receiving", "relay"})

    def test_laptop(self):
        self.check("laptop", 1)

    def test_submission(self):
        self.check("submission", 2)

    def test_relay(self):
        self.assertEqual(postroad.run("dkim", "keygen", "-o", self.folder.path / "dkim.pem", "-d", "example.org", "-s", "mail").returncode, 0)
        self.check("relay", 3)

    def test_receiving(self):
        self.check("receiving", 1)

    def test_the_ways_out_of_the_guide(self):
        self.assertEqual(postroad.run("dkim", "keygen", "-o", self.folder.path / "dkim.pem", "-d", "example.org", "-s", "mail").returncode, 0)
        blocks = dict(BLOCK.findall((GUIDE / "serve.md").read_text() + (GUIDE / "outbound-tls.md").read_text()))
        blocks["sources"] = blocks["sources"].replace("192.0.2.", "127.0.0.").replace("2001:db8::10", "::1")
        for name in "mx", "routes", "destination", "reply", "sources", "own_resolver", "tls_levels", "tlsrpt":
            self.check(name, 1, blocks[name])

    def test_every_configuration_of_the_guide_is_tested(self):
        pages = {path: path.read_text() for path in GUIDE.glob("*.md")}
        self.assertEqual({name for text in pages.values() for name, _ in BLOCK.findall(text)}, {"certificate", "login", "smarthost", "mx", "routes", "destination", "reply", "sources",
                                                                                                    "own_resolver", "tls_levels", "tlsrpt"})
        for path, text in pages.items():
            self.assertEqual(text.count("```toml\n"), text.count("<!-- configuration: "), path)

    def test_the_login_command_of_the_guide(self):
        program = self.folder.write("check-login", dict(BLOCK.findall((GUIDE / "serve.md").read_text()))["login"])
        for fields, code in (({"user": "carol", "password": "s3cret"}, 0), ({"user": "carol", "password": "\u00e9"}, 1),
                             ({"user": "ann", "password": "s3cret"}, 1), ({"user": "carol", "token": "s3cret"}, 1)):
            question = json.dumps({**fields, "client": "[127.0.0.1]:55078"}) + "\n"
            done = subprocess.run([sys.executable, program], input=question, text=True, stderr=subprocess.PIPE, check=False)
            self.assertEqual((done.returncode, done.stderr), (code, ""), fields)

    # The smarthost's certificate is that of the recipe; the server and `postroad send` trust it as the guide says.
    def test_guide(self):
        postroad.need_program("openssl")
        blocks = dict(BLOCK.findall((GUIDE / "serve.md").read_text()))
        recipe = blocks["certificate"].replace("/etc/postroad/", f"{self.folder.path}/").replace("mail.example.org", "localhost")
        subprocess.run(["sh", "-ec", recipe], check=True, stderr=subprocess.DEVNULL)
        certificate, key, users = (self.folder.path / name for name in ("fullchain.pem", "key.pem", "users"))
        self.assertEqual(key.stat().st_mode & 0o077, 0)
        postroad.add_user(users, "me@example.net", "s3cret")
        far = {"server": {"users": users}, "local": {"domains": ["example.net"], "mailboxes": ["me"]},
               "listener": [{"role": "submission", "tls": "required", "certificate": certificate, "key": key, "allow_any_sender": True}]}
        with postroad.Server(far) as smarthost:
            done = postroad.run("send", "--server", f"smtp://localhost:{smarthost.port}", "--ca-file", certificate, "--user", "me@example.net",
                                "--password-env", "PW", "--from", "me@example.net", "--to", "me@example.net", "--text", "x", env={"PW": "s3cret"})
            self.assertEqual(done.returncode, 0, done.stderr)
            text = blocks["smarthost"].replace("smtp.example.net:587", f"localhost:{smarthost.port}")
            text = text.replace("# smarthost_ca_file = ", "smarthost_ca_file = ").replace("smarthost-ca.pem", "fullchain.pem")
            path = self.prepared("smarthost", text)
            done = postroad.run("config", "check", "--config", path, "--offline", env=PASSWORD)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            with RunningExample(path, 1, self.folder.path, env=PASSWORD) as server, by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                self.assertTrue(session.mail("cron@mail.example.org", ["me@example.net"], b"Subject: hi\r\n\r\nhello\r\n").startswith("250"))
                self.assertEqual(len(smarthost.wait_mail(2)), 2)


class RunningExample(postroad.Server):
    """A server on a finished configuration file."""

    def __init__(self, config, listeners, folder, env=None):
        self._own, self.folder, self.config, self.count = None, folder, config, listeners
        self.wrapper, self.env, self.how, self.process = [], env, {}, None
        self.data, self.log_path = folder / "data", folder / "serve.log"
        self.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
