# Relaying to the smarthost: urgent messages first (MT-PRIORITY), TLS-Required: No in spite of an invalid certificate and never with
# a login, extensions that are ignored; and `postroad send --relay`, which tries the next server if the first is down.
import json
import threading
import unittest

import by_hand
from certificates import Certificates
import postroad


class Onward(unittest.TestCase):
    def submit(self, port, sender, priority=None, header=""):
        with by_hand.Session(port) as session:
            session.say("EHLO client.example")
            asked = "" if priority is None else f" MT-PRIORITY={priority}"
            self.assertTrue(session.say(f"MAIL FROM:<{sender}>{asked}").startswith("250"))
            self.assertTrue(session.say("RCPT TO:<b@elsewhere.example>").startswith("250"))
            session.say("DATA")
            session.send(f"{header}Subject: x\r\n\r\nx\r\n.\r\n")
            self.assertTrue(session.reply().startswith("250"))
            session.say("QUIT")

    def settings(self, port, **delivery):
        return {"listener": [{"role": "mx", "mt_priority": True}],
                "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://localhost:{port}", **delivery}}

    def test_the_urgent_go_first_and_a_stranger_is_not_urgent(self):
        go = threading.Event()

        def script(peer):
            go.wait(postroad.PATIENCE)
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "MT-PRIORITY"))
        with by_hand.FakeServer(script) as host, postroad.Server(self.settings(host.port, connections=1)) as server:
            self.submit(server.port, "first@client.example")  # its delivery waits for the greeting; the others wait behind it
            postroad.eventually(lambda: host.peers, server.process)
            # One sender, whose addresses differ by a detail; another one has a turn beside it.
            for name, priority in (("ann+late", -4), ("ann+usual", 0), ("ann+stranger", 9), ("ann+later", -9), ("ann+none", None), ("bob", None)):
                self.submit(server.port, f"{name}@client.example", priority)
            go.set()
            postroad.eventually(lambda: len(server.events("recipient.delivered")) == 7, server.process)
            said = [line for line in host.heard if line.startswith("MAIL")]
            order = [line.split("<")[1].split("@")[0] for line in said]
            self.assertEqual(order[0], "first")
            self.assertEqual(order[1:], ["ann+usual", "bob", "ann+stranger", "ann+none", "ann+late", "ann+later"])
            self.assertIn("MT-PRIORITY=0", next(line for line in said if "stranger" in line))

    def test_tls_required_no(self):
        with postroad.Folder() as folder:
            certificates = Certificates(folder.path)
            certificate, key = certificates.make("server", signed_by_ca=False)
            far = {"listener": [{"tls": "offered", "certificate": certificate, "key": key}]}
            with postroad.Server(far) as host, postroad.Server(self.settings(host.port)) as server:
                self.submit(server.port, "a@client.example")
                postroad.eventually(lambda: server.events("recipient.deferred"), server.process)
                self.submit(server.port, "b@client.example", header="TLS-Required: No\r\n")
                postroad.eventually(lambda: server.events("recipient.delivered"), server.process)
                self.assertEqual([one["from"] for one in server.events("recipient.delivered")], ["<b@client.example>"])

    # RFC 8689 §4.1: REQUIRETLS overrides TLS-Required: No, and a field that only resembles it has no effect.
    def test_tls_required_no_is_not_undone_by_an_envelope_id(self):
        with postroad.Folder() as folder:
            certificate, key = Certificates(folder.path).make("server", signed_by_ca=False)
            far = {"listener": [{"tls": "offered", "certificate": certificate, "key": key}]}
            here = {"listener": [{"role": "mx", "dsn": True}]}
            with postroad.Server(far) as host, postroad.Server({**self.settings(host.port), **here}) as server:
                with by_hand.Session(server.port) as session:
                    session.say("EHLO client.example")
                    for line in ("MAIL FROM:<a@client.example> ENVID=REQUIRETLS", "RCPT TO:<b@elsewhere.example>"):
                        self.assertTrue(session.say(line).startswith("250"), line)
                    session.say("DATA")
                    session.send("TLS-Required: No\r\nSubject: x\r\n\r\nx\r\n.\r\n")
                    self.assertTrue(session.reply().startswith("250"))
                postroad.eventually(lambda: server.events("recipient.delivered"), server.process)

    def test_extensions_that_are_ignored(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "MT-PRIORITY", "PIPELINING"))
        with by_hand.FakeServer(script) as host:
            with postroad.Server(self.settings(host.port, smarthost_ignores=["mt-priority"])) as server:
                self.submit(server.port, "a@client.example", -3)
                postroad.eventually(lambda: server.events("recipient.delivered"), server.process)
        self.assertIn("MAIL FROM:<a@client.example>", host.heard)

    def test_send_over_several_relays(self):
        with postroad.Server({}) as server:
            done = postroad.run("send", "-s", "127.0.0.1:1", "--relay", "127.0.0.1:2", "--relay", f"127.0.0.1:{server.port}",
                                "-f", "a@x.example", "-t", "b@y.example", "--text", "hello")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("b@y.example accepted 250", done.stdout)
            done = postroad.run("send", "-s", "127.0.0.1:1", "--relay", "127.0.0.1:2", "-f", "a@x.example", "-t", "b@y.example", "--text", "x")
            self.assertEqual(done.returncode, 75, done.stderr)

    def test_every_server_that_failed_is_named(self):
        words = ("-f", "a@x.example", "-t", "b@y.example", "--text", "x")

        def refuse(peer):
            peer.say("554 5.7.1 not you\r\n")
            by_hand.converse(peer)
        with by_hand.FakeServer(refuse) as fake:
            refused, down = f"127.0.0.1:{fake.port}", "127.0.0.1:1"
            for first, second in ((refused, down), (down, refused)):
                with self.subTest(first=first):
                    done = postroad.run("send", "-s", first, "--relay", second, *words)
                    self.assertEqual(done.returncode, 69, done.stderr)
                    lines = done.stderr.splitlines()
                    self.assertEqual([line.split()[2].rstrip(":") for line in lines], [first, second], done.stderr)
                    self.assertIn("554 5.7.1 not you", done.stderr)
                    done = postroad.run("send", "-s", first, "--relay", second, "--json", *words)
                    shown = json.loads(done.stdout)
                    self.assertEqual([one["where"] for one in shown["relay_errors"]], [first, second])
                    self.assertEqual((done.returncode, shown["error"]["where"]), (69, refused))
        with postroad.Server({}) as server:
            done = postroad.run("send", "-s", "127.0.0.1:1", "--relay", f"127.0.0.1:{server.port}", "--json", *words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual([one["where"] for one in json.loads(done.stdout)["relay_errors"]], ["127.0.0.1:1"])
        done = postroad.run("send", "-s", "127.0.0.1:1", "--json", *words)
        self.assertEqual((done.returncode, json.loads(done.stdout)["relay_errors"]), (75, []))

    def test_from_is_the_envelopes_sender_beside_a_whole_message(self):
        with postroad.Folder() as folder:
            path = folder.write("m.eml", "From: a@x.example\r\nTo: b@x.example\r\n\r\nx\r\n")
            done = postroad.run("send", "--dry-run", "--from", "Other <other@y.example>", "--data", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("MAIL FROM:<other@y.example>", done.stdout)
            self.assertIn("From: a@x.example", done.stdout)

    def test_flags_from_a_file(self):
        with postroad.Server({}) as server, postroad.Folder() as folder:
            path = folder.write("flags", f"# where to\nserver 127.0.0.1:{server.port}\n--from Ann <ann@x.example>\n"
                                         "subject of the file\njson\nto never@y.example\n")
            done = postroad.run("send", "--flags", path, "-t", "b@y.example", "--to=c@y.example", "--text", "hello")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith("{"), done.stdout)
            mail = server.wait_mail()[0]
            self.assertIn(b"Subject: of the file", mail.octets)
            self.assertNotIn("never@", done.stdout)
            for flags in (("-f", "own@x.example"), ("-fown@x.example",), ("--from", "own@x.example")):
                done = postroad.run("send", "--flags", path, *flags, "-t", "b@y.example", "--text", "hello", "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([mail.return_path for mail in server.wait_mail(5)].count(b"<own@x.example>"), 3, "the command line wins, letters too")
            wrong = folder.write("wrong", "server=127.0.0.1\n")
            done = postroad.run("send", "--flags", wrong, "-t", "b@y.example")
            self.assertEqual(done.returncode, 64)
            self.assertIn("wrong:1: expected a flag, a space and its value", done.stderr)
            done = postroad.run("send", "--flags", "/nowhere/flags", "-t", "b@y.example")
            self.assertEqual(done.returncode, 66)
            for line, words in (("timeout soon", "--timeout soon"), ("frm a@x.example", "unknown flag --frm"), ("priority 20", "--priority 20"), ("ca-file /nowhere/x", "--ca-file /nowhere/x")):
                with self.subTest(line):
                    wrong = folder.write("wrong", f"from a@x.example\n{line}\n")
                    done = postroad.run("send", "--flags", wrong, "-t", "b@y.example", "--text", "hello")
                    self.assertEqual(done.returncode, 66 if "/nowhere" in line else 64)
                    self.assertIn(words, done.stderr)
                    self.assertIn(f" ({wrong}:2)", done.stderr)
                    self.assertNotIn(f"{wrong}:1", done.stderr)
            wrong = folder.write("wrong", "from a@x.example\nto\n")
            done = postroad.run("send", "--flags", wrong, "b@y.example", "--text", "hello")
            self.assertEqual(done.returncode, 64)
            self.assertIn("wrong:2: expected a flag, a space and its value", done.stderr)
            done = postroad.run("send", "--flags")
            self.assertEqual(done.returncode, 64)
            for line, words in (("flags other", "--flags is not possible in a file of flags"), ("help", "--help is not possible"), ("-s host", "the long name of a flag"),
                                ("s host", "the long name of a flag")):
                with self.subTest(line):
                    done = postroad.run("send", "--flags", folder.write("wrong", line + "\n"), "b@y.example", "--text", "hello")
                    self.assertEqual((done.returncode, done.stdout), (64, ""))
                    self.assertIn(f"wrong:1: ", done.stderr)
                    self.assertIn(words, done.stderr)
            marked = folder.write("marked", b"\xef\xbb\xbffrom a@x.example\n")
            self.assertEqual(postroad.run("send", "--flags", marked, "--dry-run", "-t", "b@y.example", "--text", "hello").returncode, 0)

    # `-soon-` looks like the flag -s; the parser alone knows that it is a value.
    def test_a_value_of_the_command_line_hides_no_flag_of_the_file(self):
        with postroad.Server({}) as server, postroad.Folder() as folder:
            path = folder.write("flags", f"server 127.0.0.1:{server.port}\nfrom a@x.example\nto b@y.example\n")
            for flags in (("--subject", "-soon-", "--text", "hello"), ("--text", "-t is"), ("--text", "--to"), ("--subject", "--", "--text", "-f")):
                with self.subTest(flags=flags):
                    done = postroad.run("send", *flags, "--flags", path)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn("b@y.example accepted", done.stdout)

    def test_the_command_line_wins_over_flags_of_the_file_that_it_excludes(self):
        with postroad.Server({}) as server, postroad.Folder() as folder:
            ca = Certificates(folder.path).ca
            common = f"server 127.0.0.1:{server.port}\nfrom a@x.example\nto b@y.example\n"
            path = folder.write("corp", f"{common}ca-file {ca}\ncertificate {ca}\nkey {ca}\nrequire-tls\nhtml <p>hi</p>\n")
            whole = folder.write("mail.eml", "From: a@x.example\nTo: b@y.example\n\nhello\n")
            done = postroad.run("send", "--flags", path, "--no-tls", "--data", whole)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            path = folder.write("corp", f"{common}text hi\nno-tls\njson\nbcc c@y.example\n")
            done = postroad.run("send", "--flags", path, "--dry-run", "--ca-file", ca, "d@y.example")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("RCPT TO:<d@y.example>\n\n", done.stdout)
            self.assertNotIn("c@y.example", done.stdout)
            both = folder.write("both", f"{common}no-tls\nca-file {ca}\n")
            done = postroad.run("send", "--flags", both, "--text", "hi")
            self.assertEqual(done.returncode, 64)
            self.assertIn("postroad send: --no-tls, --ca-file: mutually exclusive; give only one", done.stderr)


if __name__ == "__main__":
    unittest.main()
