# The configurations of examples/config are valid: `postroad config check` finds nothing, the server starts on them, and the
# reference describes every option in them. The test replaces their folders and ports.
import os
import pwd
import re
import unittest

import by_hand
import postroad

PASSWORD = {"POSTROAD_DELIVERY_SMARTHOST_PASSWORD": "s3cret"}  # of submission.toml's smarthost
EXAMPLES = postroad.ROOT / "examples/config"


class ConfigExamples(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())
        certificates = postroad.Certificates(self.folder.path)
        certificate, key = certificates.make("server", san="DNS:mx.example.org,DNS:mail.example.org")
        certificate.rename(self.folder.path / "fullchain.pem")
        key.rename(self.folder.path / "key.pem")
        postroad.add_user(self.folder.path / "users", "ann", "s3cret")

    def prepared(self, name):
        text = (EXAMPLES / f"{name}.toml").read_text()
        text = text.replace("/etc/postroad/", f"{self.folder.path}/").replace("/var/lib/postroad", f"{self.folder.path}/data")
        text = text.replace('"./postroad-mail"', f'"{self.folder.path}/data"')
        text = re.sub(r'(?m)^address = .*', 'address = "127.0.0.1"', text)
        text = re.sub(r"(?m)^port = \d+", "port = 0", text)
        text = text.replace("127.0.0.1:9925", "127.0.0.1:0").replace('user = "postroad"', f'user = "{pwd.getpwuid(os.geteuid()).pw_name}"')
        return self.folder.write(f"{name}.toml", text)

    def check(self, name, listeners):
        path = self.prepared(name)
        done = postroad.run("config", "check", "--config", path, "--offline", env=PASSWORD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"no problem found: {path}", done.stdout)
        self.assertEqual(postroad.run("config", "show", "--config", path).returncode, 0)
        server = RunningExample(path, listeners, self.folder.path)
        with server:
            with by_hand.Session(server.ports[0]) as session:
                self.assertTrue(session.greeting.startswith("220 "))

    def test_every_example_is_tested(self):
        self.assertEqual({path.stem for path in EXAMPLES.glob("*.toml")}, {"laptop", "submission", "receiving"})

    def test_laptop(self):
        self.check("laptop", 1)

    def test_submission(self):
        self.check("submission", 2)

    def test_receiving(self):
        self.check("receiving", 1)


class RunningExample(postroad.Server):
    """A server on a finished configuration file."""

    def __init__(self, config, listeners, folder):
        self._own, self.folder, self.config, self.count = None, folder, config, listeners
        self.wrapper, self.env, self.how, self.process = [], None, {}, None
        self.data, self.log_path = folder / "data", folder / "serve.log"
        self.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
