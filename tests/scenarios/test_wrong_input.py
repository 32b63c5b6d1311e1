# Each wrong input gets a message that names the thing, the place and the remedy: an unknown verb, a 20 kB line, a wrong flag, a
# misspelt key in the configuration, a port in use, a spool that another process holds, an expired certificate, a folder that cannot
# be written. `--show` prints the messages.
import os
import pathlib
import shutil
import socket
import sys
import unittest

import by_hand
from certificates import Certificates
import postroad

SHOW = "--show" in sys.argv


class WrongInput(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())

    def sentence(self, text, *patterns):
        if SHOW:
            print(f"    {text.strip()}")
        for pattern in patterns:
            self.assertRegex(text, pattern)
        self.assertNotIn("terminate called", text)

    def serve(self, settings, code, **how):
        path = self.folder.write("wrong.toml", settings if isinstance(settings, str) else postroad.toml(settings))
        done = postroad.run("serve", "--config", path, **how)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("listening on", done.stdout)
        return done.stderr

    def settings(self, **more):
        return {"server": {"data": self.folder.path / "data"}, "listener": [{"port": 0}], **more}

    # typed into a session

    def test_unknown_verb(self):
        with postroad.Server() as server, by_hand.Session(server.port) as session:
            session.say("HELO client.example")
            self.sentence(session.say("REST"), r"^500 5\.5\.2 .*command not recognized: REST; did you mean RSET\?$")
            self.sentence(session.say("HELLO x"), r"^500 5\.5\.2 .*command not recognized: HELLO; did you mean HELO\?$")
            self.sentence(session.say("XYZZY"), r"^500 5\.5\.2 .*command not recognized: XYZZY")
            self.sentence(session.say("MAIL a@b.example"), r"^501 5\.5\.4 .*FROM: is missing; syntax: MAIL FROM:<")
            self.sentence(session.say("RCPT TO:<a@b.example>"), r"^503 5\.5\.1 .*send MAIL")

    def test_line_of_20_kb(self):
        with postroad.Server() as server, by_hand.Session(server.port) as session:
            session.say("HELO client.example")
            self.sentence(session.say("MAIL FROM:<" + "x" * 20_000 + "@client.example>"), r"^500 5\.5\.2 command line too long \(limit 4096 bytes\)")
            self.assertTrue(session.say("NOOP").startswith("250"), "the session goes on, and the line's rest is not a command")

    def test_article_form_where_it_is_not_allowed(self):
        settings = {"listener": [{"role": "mx"}], "local": {"domains": ["here.example"], "mailboxes": ["a"]}}
        with postroad.Server(settings) as server, by_hand.Session(server.port) as session:
            session.say("HELO client.example")
            self.sentence(session.say("mail from:a@client.example"), r"^501 5\.5\.4 .*angle brackets; syntax: MAIL FROM:<")

    # the command line

    def test_wrong_flag(self):
        done = postroad.run("send", "--form", "a@b.example")
        self.assertEqual(done.returncode, 64)
        self.sentence(done.stderr, "postroad send", "--form", "did you mean --from")
        done = postroad.run("serv")
        self.assertEqual(done.returncode, 64)
        self.sentence(done.stderr, "serv", "did you mean serve")

    def test_flags_are_named_as_typed(self):
        message = self.folder.write("mail.eml", "Subject: x\n\nhi\n")
        key = self.folder.path / "key.pem"
        self.assertEqual(postroad.run("dkim", "keygen", "-o", key).returncode, 0)
        ok = ("send", "-f", "a@x.example", "-t", "b@x.example")
        table = [((*ok, "--text", "x", "--data", message), 64, r"--data, --text: mutually exclusive"),
                 ((*ok, "--attach", message, "--data", message), 64, r"--data, --attach: mutually exclusive"),
                 (("send", "-f", "a@x.example", "-t", "d@e.f,g", "--text", "x"), 64, r"-t 'd@e\.f,g': expected @"),
                 ((*ok, "--to=c@x.example, g", "--text", "x"), 64, r"--to 'c@x\.example, g': expected @"),
                 (("send", "--from", "a b", "-t", "d@e.f", "--text", "x"), 64, r"--from 'a b': "),
                 ((*ok, "--from", "c@x.example", "--text", "x"), 64, r"--from: given 2 times"),
                 (("send", "-f", "a b", "-t", "d@e.f", "--text", "x"), 64, r"-f 'a b': "),
                 ((*ok, "--text", "x", "g"), 64, r"RECIPIENT 'g': expected @"),
                 ((*ok, "--text", "x", "--helo", "a b"), 64, r"--helo 'a b': expected a name without spaces"),
                 (("talk", "--helo", "a b", "127.0.0.1:1"), 64, r"--helo 'a b': expected a name without spaces"),
                 ((*ok, "--text", "x", "--in-reply-to", "x"), 64, r"--in-reply-to: expected"),
                 ((*ok, "--text", "x", "--list-unsubscribe", "x"), 64, r"--list-unsubscribe: expected"),
                 ((*ok, "--text", "x", "--header", "a b: c"), 64, r"--header: "),
                 ((*ok, "--text", "x", "--timeout", "0s"), 64, r"--timeout 0s: must be more than 0"),
                 (("dkim", "keygen", "--bits", "100", "-o", self.folder.path / "k"), 64, r"--bits 100: an RSA key has 1024 to 8192 bits"),
                 (("dkim", "sign", "-k", key, "-s", "s", message), 64, r"missing --domain; "),
                 (("dkim", "sign", "-k", key, "-d", "x.example", message), 64, r"missing --selector; "),
                 (("dkim", "sign", "-k", key, "-d", "a b", "-s", "s", message), 64, r"-d: not an ASCII domain name"),
                 (("dkim", "sign", "-k", key, "--domain", "a b", "-s", "s", message), 64, r"--domain: not an ASCII domain name")]
        for words, code, pattern in table:
            with self.subTest(words):
                done = postroad.run(*words)
                self.assertEqual(done.returncode, code, done.stderr)
                self.sentence(done.stderr, f"^postroad [a-z ]+: {pattern}")
                self.assertNotIn("()", done.stderr)
        settings = {**self.settings(), "log": {"file": self.folder.path / "none" / "mail.log"}}
        self.sentence(self.serve(settings, 73), "log.file: .*none/mail.log")

    # the configuration

    def test_misspelt_key(self):
        text = '[server]\nhostnam = "mail.example"\n\n[[listener]]\nport = 0\n'
        self.sentence(self.serve(text, 78), r"wrong\.toml:2:1", "unknown key server.hostnam", r"did you mean hostname\?")
        text = "[limit]\nerrors = 3\n"
        self.sentence(self.serve(text, 78), r"wrong\.toml:1:", "unknown key limit", r"did you mean limits\?")

    def test_wrong_value(self):
        self.sentence(self.serve('[[listener]]\nport = 70000\n', 78), r"wrong\.toml:2:8", "listener.port", "65535")
        self.sentence(self.serve('[limits]\ncommand = "5 parsec"\n', 78), r"wrong\.toml:2:11", "limits.command", "5min")
        self.sentence(self.serve('[[listener]]\nrole = "open_relay"\n', 78), r"wrong\.toml:2:8", "listener.role", "mx")

    def test_not_toml(self):
        self.sentence(self.serve("[server\n", 78), r"wrong\.toml:1:", "not TOML")
        self.sentence(self.serve("[server]\nhostname = mail.example.org\n", 78), r"wrong\.toml:2:12", "not TOML: .*; put the text in quotes")

    def test_no_such_configuration(self):
        done = postroad.run("serve", "--config", "/nowhere/postroad.toml")
        self.assertEqual(done.returncode, 78)
        self.sentence(done.stderr, "/nowhere/postroad.toml", "No such file or directory")

    def test_settings_that_do_not_go_together(self):
        self.sentence(self.serve({"listener": [{"port": 0, "tls": "required"}]}, 78), r"wrong\.toml:3: listener\.tls", "needs a certificate", "set certificate")
        self.sentence(self.serve({"listener": [{"port": 0, "role": "submission"}]}, 78), "server.users", "postroad user add")

    def test_config_check_says_everything_at_once(self):
        path = self.folder.write("wrong.toml", '[server]\nhostnam = "x"\n[limits]\nerrors = "many"\n')
        done = postroad.run("config", "check", "--config", path)
        self.assertEqual(done.returncode, 78)
        self.sentence(done.stderr, r"wrong\.toml:2:1", r"wrong\.toml:4:10")

    # missing on this machine

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.sentence(self.serve({**self.settings(), "listener": [{"port": port}]}, 73), rf"127\.0\.0\.1\]?:{port}", "in use", "choose another port")

    def test_spool_of_somebody_else(self):
        with postroad.Server() as server:
            stderr = self.serve({"server": {"data": server.data}, "listener": [{"port": 0}]}, 73)
            self.sentence(stderr, str(server.data), "(?i)in use|held|another process|runs|locked", "(?i)stop|choose|other folder|another folder|end ")
            self.assertEqual(server.process.poll(), None)
            with by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                self.assertTrue(session.mail("a@client.example", ["b@x.example"], b"Subject: x\r\n\r\nx\r\n").startswith("250"))
            server.wait_mail(1)

    def test_expired_certificate(self):
        certificate, key = Certificates(self.folder.path).expired()
        settings = {**self.settings(), "listener": [{"port": 0, "tls": "offered", "certificate": certificate, "key": key}]}
        self.sentence(self.serve(settings, 78), str(certificate), r"expired on \d{4}-\d\d-\d\d", "renew it")
        done = postroad.run("config", "check", "--config", self.folder.path / "wrong.toml")
        self.assertEqual(done.returncode, 78)
        self.sentence(done.stderr, str(certificate), "expired on")

    def test_key_of_another_certificate(self):
        certificates = Certificates(self.folder.path)
        certificate, _ = certificates.make("one")
        _, key = certificates.make("two")
        settings = {**self.settings(), "listener": [{"port": 0, "tls": "offered", "certificate": certificate, "key": key}]}
        self.sentence(self.serve(settings, 78), str(key), "private key")

    def as_nobody(self):
        """How to run a program without root's privileges, with the command where that user can read it."""
        if os.geteuid() != 0:
            return {}
        copy = pathlib.Path(self.folder.path / "postroad")
        shutil.copy(postroad.BINARY, copy)
        copy.chmod(0o755)
        self.folder.path.chmod(0o755)
        self.addCleanup(setattr, postroad, "BINARY", postroad.BINARY)
        postroad.BINARY = str(copy)
        return {"user": 65534, "group": 65534, "extra_groups": []}

    def test_folder_that_cannot_be_written(self):
        closed = self.folder.path / "closed"
        closed.mkdir(mode=0o555)
        how = self.as_nobody()
        settings = {"server": {"data": closed / "data"}, "listener": [{"port": 0}]}
        self.sentence(self.serve(settings, 73, **how), str(closed / "data"), "Permission denied", "(?i)server.data|chmod|chown|choose|rights|owner")
        settings = {"server": {"data": closed}, "listener": [{"port": 0}]}
        self.sentence(self.serve(settings, 73, **how), str(closed), "Permission denied", "(?i)server.data|chmod|chown|choose|rights|owner")

    def test_no_exception_ends_a_verb(self):
        how = self.as_nobody()
        closed = self.folder.path / "root"
        closed.mkdir(mode=0o700)
        gone = self.folder.path / "gone"
        long = "x" * 300
        table = [(("user", "add", "ann", "--file", closed / "x" / "y"), 74), (("user", "add", "ann", "--file", long), 74),
                 (("user", "list", "--file", long), 74), (("config", "check", "--offline", "--set", f"server.data={long}"), 78),
                 (("config", "check", "--offline", "--set", f"log.file={long}/x"), 78), (("serve", "--config", long), 78), (("mail", "list", "-d", long), 74),
                 (("send", "--data", long, "b@x.example"), 66), (("lint", long), 66)]
        for words, code in table:
            with self.subTest(words):
                done = postroad.run(*words, "--password-env", "PW", env={"PW": "x"}, **how) if words[:2] == ("user", "add") else postroad.run(*words, **how)
                self.assertEqual(done.returncode, code, done.stderr)
                self.sentence(done.stderr, "Permission denied|too long")
        # A working folder that was removed.
        for words in (("config", "check", "--offline", "--set", "listener.port=0"), ("serve", "--config", "x.toml"), ("serve", "--set", "listener.port=0"),
                      ("mail", "list"), ("user", "list")):
            with self.subTest(words):
                gone.mkdir()
                done = postroad.run_program("/bin/sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", gone, postroad.BINARY, *words)
                self.assertIn(done.returncode, (66, 73, 74, 78), done.stderr)
                self.sentence(done.stderr, "No such file or directory")

    def test_data_that_is_a_file(self):
        path = self.folder.write("data", "not a folder")
        self.sentence(self.serve({"server": {"data": path}, "listener": [{"port": 0}]}, 73), str(path), "(?i)not a directory|is a file|not a folder")

    def test_users_file_that_others_may_read(self):
        users = self.folder.path / "users"
        postroad.add_user(users, "test", "s3cret")
        users.chmod(0o644)
        settings = {**self.settings(), "server": {"data": self.folder.path / "data", "users": users}}
        self.sentence(self.serve(settings, 78), str(users), "other users of this machine may read", "chmod 600")

    # other verbs

    def test_mail_waits_for_one_message_at_least(self):
        for count in ("0", "-1"):
            done = postroad.run("mail", "wait", "--data", self.folder.path, f"--count={count}")
            self.assertEqual(done.returncode, 64, done.stderr)
            self.sentence(done.stderr, rf"^postroad mail: --count {count}: expected at least 1$")

    def test_a_message_is_shown_raw_or_as_json(self):
        done = postroad.run("mail", "show", "last", "--raw", "--json")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.sentence(done.stderr, "--raw, --json: mutually exclusive")

    def test_a_folder_is_no_users_file(self):
        done = postroad.run("user", "list", "--file", self.folder.path)
        self.assertNotEqual(done.returncode, 0)
        self.sentence(done.stderr, rf"{self.folder.path}: is a folder; name a file")

    def test_no_part_of_a_key_is_left(self):
        key = self.folder.path / "key.pem"
        done = postroad.run_program("bash", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "bash", postroad.BINARY, "dkim", "keygen", "--out", key)
        self.assertEqual(done.returncode, 73, done.stderr)
        self.sentence(done.stderr, f"{key}: the key cannot be written: File too large")
        self.assertFalse(key.exists())
        self.assertEqual(postroad.run("dkim", "keygen", "--out", key).returncode, 0)
        again = postroad.run("dkim", "keygen", "--out", key)
        self.assertEqual(again.returncode, 73)
        self.sentence(again.stderr, "File exists; choose another name: a key is never overwritten")


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[one for one in sys.argv if one != "--show"])
