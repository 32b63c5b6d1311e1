# A reload changes users, aliases, certificates, limits and listeners while sessions are open. An invalid configuration is refused
# as a whole, with the place and the reason, and the old one stays in force.
import os
import shutil
import signal
import socket
import unittest

import by_hand
from certificates import Certificates, client_context
import postroad

TEXT = b"Subject: reload\r\n\r\nhello\r\n"


class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder()).path
        self.certificates = Certificates(self.folder)
        certificate, key = self.certificates.make("first")
        self.users = self.folder / "users"
        postroad.add_user(self.users, "ann", "one")
        self.settings = {
            "server": {"users": self.users, "hostname": "mail.test.example", "data": self.folder / "data"},
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
            "listener": [{"role": "mx", "tls": "offered", "certificate": certificate, "key": key, "auth": True, "port": 0}],
            "log": {"format": "json", "level": "debug"}}
        self.server = self.enterContext(postroad.Server(self.settings, folder=self.folder))

    def write(self):
        self.server.config.write_text(postroad.toml(self.settings))

    def reload(self):
        return postroad.run("serve", "--reload", "--config", self.server.config)

    def rcpt(self, session, name):
        session.say("RSET")
        session.say("MAIL FROM:<a@b.example>")
        return session.say(f"RCPT TO:<{name}@here.example>")[:3]

    def certificate(self):
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            with client_context(self.certificates.ca).wrap_socket(session.socket, server_hostname="localhost") as tls:
                return dict(pair[0] for pair in tls.getpeercert()["subject"])["commonName"]

    def test_all_of_it_without_a_dropped_session(self):
        session = self.enterContext(by_hand.Session(self.server.port))
        session.say("EHLO client.example")
        self.assertEqual(self.rcpt(session, "bob"), "550")
        self.assertEqual(self.certificate(), "first")
        certificate, key = self.certificates.make("second")
        self.settings["local"] = {"domains": ["here.example"], "mailboxes": ["ann", "bob"], "aliases": ["both: ann, bob"]}
        self.settings["listener"][0].update(certificate=certificate, key=key)
        self.settings["limits"] = {"recipients": 1}
        self.write()
        postroad.add_user(self.users, "bob", "two")
        done = self.reload()
        self.assertEqual((done.returncode, done.stdout), (0, "the configuration was reloaded\n"), done.stderr)
        # The open session keeps its configuration; new sessions have the new one.
        self.assertEqual(self.rcpt(session, "bob"), "550")
        session.say("RSET")
        self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
        self.assertEqual(self.certificate(), "second")
        with by_hand.Session(self.server.port) as fresh:
            fresh.say("EHLO client.example")
            self.assertEqual(self.rcpt(fresh, "bob"), "250")
            self.assertTrue(fresh.say("RCPT TO:<ann@here.example>").startswith("452"))
            fresh.say("RSET")
            self.assertTrue(fresh.mail("a@b.example", ["both@here.example"], TEXT).startswith("250"))
        mails = self.server.wait_mail(3)
        self.assertEqual(sorted(mail.mailbox for mail in mails), ["ann@here.example", "ann@here.example", "bob@here.example"])
        self.assertTrue(session.say("NOOP").startswith("250"))

    # The wildcard address in place of one address, on the same port.
    def test_a_listener_that_moves_to_another_address(self):
        session = self.enterContext(by_hand.Session(self.server.port))
        self.settings["listener"][0].update(address="127.0.0.1", port=self.server.port)
        self.write()
        self.assertEqual(self.reload().returncode, 0)
        for address in ("0.0.0.0", "127.0.0.1"):
            self.settings["listener"][0]["address"] = address
            self.write()
            done = self.reload()
            self.assertEqual(done.returncode, 0, done.stderr)
            with by_hand.Session(self.server.port) as fresh:
                self.assertTrue(fresh.greeting.startswith("220"))
            postroad.eventually(lambda: self.listens_at(address))
        self.assertTrue(session.say("NOOP").startswith("250"))
        # A port of another process stays refused.
        with socket.create_server((postroad.HOST, 0)) as other:
            self.settings["listener"].append({"port": other.getsockname()[1]})
            self.write()
            done = self.reload()
            self.assertEqual(done.returncode, 78)
            self.assertRegex(done.stderr, rf"postroad\.toml:[0-9]+: listener\.port: \[127\.0\.0\.1\]:{other.getsockname()[1]}: the port is in use")

    def listens_at(self, address):
        with socket.socket() as probe:
            reached = probe.connect_ex(("127.0.0.2", self.server.port)) == 0
        return reached == (address == "0.0.0.0")

    def test_users_by_sighup(self):
        postroad.add_user(self.users, "bob", "two")
        os.kill(self.server.pid, signal.SIGHUP)
        postroad.eventually(lambda: self.server.events("config.reloaded"))
        context = client_context(self.certificates.ca)
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            session.socket = context.wrap_socket(session.socket, server_hostname="localhost")
            session.say("EHLO client.example")
            token = postroad.base64.b64encode(b"\0bob\0two").decode()
            self.assertTrue(session.say(f"AUTH PLAIN {token}").startswith("235"))

    def test_what_is_wrong_is_refused_whole(self):
        good = postroad.toml(self.settings)
        port = self.server.port
        certificate = self.settings["listener"][0]["certificate"]
        taken = self.enterContext(by_hand.FakeServer(by_hand.plain_server))
        table = [
            (good + "[limits]\nrecipients = 0\n", ["postroad.toml", "limits.recipients"]),
            (good + "nonsense\n", ["postroad.toml:"]),
            (good.replace('mailboxes = ["ann"]', 'mailboxes = ["ann"]\naliases = ["a: b", "b: a"]'), ["a", "leads back to itself"]),
            (good.replace(str(certificate), "/nowhere.pem"), ["/nowhere.pem"]),
            (good.replace(str(self.users), str(self.folder / "no-users")), ["no-users"]),
            (good + f'[[listener]]\naddress = "127.0.0.1"\nport = {taken.port}\n',
             ["postroad.toml:", f": listener.port: [127.0.0.1]:{taken.port}", "in use"]),
            (good + "[spool]\nsegment = \"1MiB\"\n", ["spool.segment", "restart"]),
            (good + "[clients]\nmessages = \"often\"\n", ["clients.messages", "600/h"]),
        ]
        for text, words in table:
            # bob is in each of the invalid configurations and must not be accepted.
            self.server.config.write_text(text.replace('mailboxes = ["ann"', 'mailboxes = ["ann", "bob"'))
            done = self.reload()
            self.assertEqual(done.returncode, 78)
            before = len(self.server.events("config.refused"))
            os.kill(self.server.pid, signal.SIGHUP)
            for word in words:
                self.assertIn(word, done.stderr)
                postroad.eventually(lambda: any(word in event["reason"] for event in self.server.events("config.refused")[before:]), what=word)
            with by_hand.Session(port) as session:
                session.say("EHLO client.example")
                self.assertEqual(self.rcpt(session, "ann"), "250")
                self.assertEqual(self.rcpt(session, "bob"), "550")
            self.assertEqual(self.certificate(), "first")

    def test_listeners_come_and_go(self):
        self.settings["listener"].append({"role": "mx", "address": "127.0.0.2", "port": 0})
        self.write()
        self.assertEqual(self.reload().returncode, 0)
        self.settings["listener"].pop()
        self.write()
        self.assertEqual(self.reload().returncode, 0)
        self.assertEqual(self.certificate(), "first")

    # The pool of another smarthost needs a thread. Nothing of the rest may change without it.
    def test_a_reload_that_cannot_have_a_thread_changes_nothing(self):
        self.settings["delivery"] = {"smarthost": "smtp://127.0.0.1:9"}
        self.settings["local"]["mailboxes"] = ["ann", "bob"]
        self.write()
        with postroad.no_more_threads(self.server.pid):
            done = self.reload()
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn("Resource temporarily unavailable", done.stderr)
            self.assertEqual(len(self.server.events("config.refused")), 1)
            with by_hand.Session(self.server.port) as session:
                session.say("EHLO client.example")
                self.assertEqual(self.rcpt(session, "ann"), "250")
                self.assertEqual(self.rcpt(session, "bob"), "550")
        self.assertEqual(self.reload().returncode, 0)
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            self.assertEqual(self.rcpt(session, "bob"), "250")

    # As `config check` prints them; the log has one event per problem.
    def test_every_problem_has_a_line_of_its_own(self):
        self.server.config.write_text(postroad.toml(self.settings) + '[limits]\nrecipients = 0\nerrors = "many"\n[clients]\nmessages = "often"\n')
        done = self.reload()
        self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
        lines = [line.removeprefix("postroad serve: ") for line in done.stderr.splitlines()]
        self.assertEqual(len(lines), 3, lines)
        for line, option in zip(lines, ("limits.recipients", "limits.errors", "clients.messages")):
            self.assertRegex(line, rf"^{self.server.config}:\d+:\d+: {option}\b")
        self.assertEqual([event["reason"] for event in self.server.events("config.refused")], lines)
        check = postroad.run("config", "check", "--offline", "--config", self.server.config)
        self.assertEqual([line.removeprefix("postroad config check: ") for line in check.stderr.splitlines()][:3], lines)

    def test_every_fixed_option_is_named_with_its_line(self):
        text = self.server.config.read_text()
        self.server.config.write_text(text.replace('format = "json"', 'format = "text"') + '[spool]\nsegment = "1MiB"\n[limits]\nerrors = "many"\n')
        done = self.reload()
        self.assertEqual(done.returncode, 78)
        for pattern in (r"postroad\.toml:\d+: log\.format: cannot change", r"postroad\.toml:\d+: spool\.segment: cannot change",
                        r"postroad\.toml:\d+:10: limits\.errors"):
            self.assertRegex(done.stderr, pattern)

    def test_what_a_reload_would_ignore_is_refused(self):
        other = self.folder / "other.toml"
        other.write_text(self.server.config.read_text())
        for flags, words in ((("--config", other), ["--config", str(other), f"reads {self.server.config}"]),
                             (("--config", self.server.config, "--set", "limits.errors=3"), ["--set limits.errors", "configuration file"]),
                             (("--config", self.server.config, "--take-over"), ["--reload, --take-over", "mutually exclusive"])):
            done = postroad.run("serve", "--reload", *flags)
            self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
        self.assertEqual(self.server.events("config.reloaded"), [])
        # The flags that only locate the server are accepted, whichever name they use.
        link = self.folder / "link.toml"
        link.symlink_to(self.server.config)
        for flags in (("--set", f"server.data={self.server.data}"), ("--config", link)):
            done = postroad.run("serve", "--reload", *flags)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_may_not_be_meant_is_said(self):
        self.settings["delivery"] = {"networks": ["0.0.0.0/0"], "smarthost": "smtp://192.0.2.1"}
        self.settings["listener"][0]["address"] = "0.0.0.0"
        self.write()
        done = self.reload()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"postroad serve: warning: .*postroad\.toml:\d+: delivery\.networks: .*open relay")
        event, = self.server.events("config.warning")
        self.assertIn("open relay", event["reason"])
        self.settings.pop("delivery")
        self.write()
        done = self.reload()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.server.events("config.warning")), 1)

    def test_nobody_there(self):
        done = postroad.run("serve", "--reload", "--set", f"server.data={self.folder / 'other'}")
        self.assertEqual(done.returncode, 66)
        self.assertIn("no server uses this data folder", done.stderr)
        # The folder in full, whatever the folder of the command.
        done = postroad.run("serve", "--reload", cwd=self.folder)
        self.assertEqual(done.returncode, 66)
        self.assertIn(f"{self.folder / 'postroad-mail'}: no server uses this data folder", done.stderr)
        self.assertIn("--config FILE", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_a_control_socket_of_another_user(self):
        binary = self.folder / "postroad"
        shutil.copy(postroad.BINARY, binary)
        binary.chmod(0o755)
        self.folder.chmod(0o755)
        for flag in ("--reload", "--take-over"):
            done = postroad.run_program(binary, "serve", flag, "--set", f"server.data={self.server.data}", user=65534, group=65534, extra_groups=[])
            self.assertEqual(done.returncode, 74, done.stderr)
            self.assertIn(f"{self.server.data}: the control socket cannot be opened: Permission denied; run this as the server's user or root", done.stderr)
            self.assertNotIn("no server uses", done.stderr)

    # The file no longer leads to the server, which keeps the folder of its start.
    def test_a_changed_data_folder_needs_a_restart(self):
        before, self.settings["server"]["data"] = self.server.data, self.folder / "moved"
        self.write()
        for flags in (("--reload",), ("--take-over",)):
            done = postroad.run("serve", *flags, "--config", self.server.config)
            self.assertEqual(done.returncode, 66)
            self.assertRegex(done.stderr, rf"{self.folder / 'moved'}: no server uses this data folder: .*; if server\.data was changed .*, restart the server: .*"
                                          r"--set server\.data=FOLDER")
        done = postroad.run("serve", "--reload", "--config", self.server.config, "--set", f"server.data={before}")
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"postroad\.toml:\d+: server\.data: cannot change while the server runs; restart it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
