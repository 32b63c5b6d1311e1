# Exit codes of `postroad send` (sysexits.h), its messages for people and its JSON (--json): for every kind of reply that a
# server can send. Rows 13 and 15 of guards.md are here: a reply before the connection closes, and the unknown outcome. Wrong
# input is in test_send_input.py.
import json
import os
import select
import subprocess
import threading
import unittest

import by_hand
import postroad

ENVELOPE = ("--from", "a@client.example", "--to", "b@x.example, c@x.example", "--subject", "hi", "--text", "hello")


class SendExitCodes(unittest.TestCase):
    def send(self, script, *flags, code, recipients=ENVELOPE):
        """(standard error, JSON, commands that the server received) of the same send, once as text and once with --json."""
        with by_hand.FakeServer(script) as fake:
            server = f"smtp://127.0.0.1:{fake.port}"
            plain = postroad.run("send", "--server", server, *recipients, *flags)
            as_json = postroad.run("send", "--server", server, "--json", *recipients, *flags)
        self.assertEqual(plain.returncode, code, plain.stdout + plain.stderr)
        self.assertEqual(as_json.returncode, code, as_json.stdout + as_json.stderr)
        report = json.loads(as_json.stdout)
        self.assertEqual(set(report) & {"recipients", "error"}, {"recipients", "error"})
        self.where = f"127.0.0.1:{fake.port}"
        return plain, report, fake.heard

    @staticmethod
    def server(ehlo=("fake.example", "PIPELINING"), greeting="220 fake.example ESMTP", **replies):
        names = {"dot": "."}

        def script(peer):
            peer.say(greeting + "\r\n")
            if greeting.startswith("220"):
                by_hand.converse(peer, ehlo=ehlo, replies={names.get(verb, verb.upper()): reply for verb, reply in replies.items()})
        return script

    def outcomes(self, report):
        return [(one["outcome"], one["stage"], one["code"]) for one in report["recipients"]]

    def test_0_accepted(self):
        plain, report, _ = self.send(self.server(dot="250 2.0.0 Ok: queued as Q17"), code=0)
        self.assertIsNone(report["error"])
        self.assertEqual(self.outcomes(report), [("accepted", "END OF DATA", 250)] * 2)
        self.assertEqual(report["recipients"][0]["address"], "b@x.example")
        self.assertEqual(report["server"], report["server"].strip())
        self.assertEqual(len(plain.stdout.splitlines()), 2, "a line an outcome")
        self.assertRegex(plain.stdout, r"(?m)^b@x\.example accepted 250 2\.0\.0 Ok: queued as Q17$")

    def test_69_refused(self):
        for stage, replies in (("MAIL FROM", {"mail": "550 5.7.1 go away"}), ("RCPT TO", {"rcpt": "550 5.1.1 nobody"}),
                               ("DATA", {"data": "554 5.7.1 not today"}), ("END OF DATA", {"dot": "554 5.7.1 spam"})):
            for ehlo in (("fake.example", "PIPELINING"), ("fake.example",)):
                with self.subTest(stage=stage, ehlo=ehlo):
                    plain, report, _ = self.send(self.server(ehlo, **replies), code=69)
                    code, words = next(iter(replies.values())).split(" ", 1)
                    self.assertEqual(self.outcomes(report), [("refused", stage, int(code))] * 2)
                    self.assertIn(words, plain.stdout)

    def test_75_deferred(self):
        for stage, replies in (("MAIL FROM", {"mail": "451 4.3.0 later"}), ("RCPT TO", {"rcpt": "450 4.2.1 later"}),
                               ("DATA", {"data": "451 4.3.0 later"}), ("END OF DATA", {"dot": "452 4.3.1 no room"})):
            with self.subTest(stage=stage):
                _, report, _ = self.send(self.server(**replies), code=75)
                self.assertEqual(self.outcomes(report), [("deferred", stage, int(next(iter(replies.values()))[:3]))] * 2)

    def test_75_nobody_listens(self):
        with by_hand.FakeServer(lambda peer: None) as fake:
            port = fake.port
        done = postroad.run("send", "--server", f"smtp://127.0.0.1:{port}", *ENVELOPE)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, rf"127\.0\.0\.1:{port} CONNECT: .+")

    def test_76_not_smtp(self):
        _, report, _ = self.send(lambda peer: peer.say("HTTP/1.1 400 Bad Request\r\n\r\n"), code=76)
        self.assertEqual((report["error"]["fault"], report["error"]["stage"]), ("protocol", "CONNECT"))

    def test_77_login_refused(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "AUTH PLAIN"), replies={"AUTH": "535 5.7.8 authentication failed"})
        with postroad.Folder() as folder:
            pw = folder.write("pw", "s3cret\n", 0o600)
            plain, report, heard = self.send(script, "--user", "test", "--password-file", pw, "--allow-password-in-clear", code=77)
        self.assertEqual(report["recipients"], [])
        self.assertEqual(report["error"]["reply_code"], 535)
        self.assertRegex(plain.stderr, r"127\.0\.0\.1:\d+ AUTH PLAIN: 535 5\.7\.8 authentication failed")
        self.assertFalse([line for line in heard if line.startswith("MAIL")])

    def test_75_starttls_is_not_available_now(self):
        _, report, heard = self.send(self.server(("fake.example", "STARTTLS"), starttls="454 4.7.0 TLS not available"), "--require-tls", code=75)
        self.assertTrue(report["error"]["temporary"])
        self.assertFalse([line for line in heard if line.startswith("MAIL")])

    def test_76_replies_out_of_place(self):
        for stage, options in (("CONNECT", {"greeting": "250 fake.example"}), ("MAIL FROM", {"mail": "354 go on"}),
                               ("RCPT TO", {"rcpt": "354 go on"}), ("DATA", {"data": "250 Ok"})):
            with self.subTest(stage=stage):
                _, report, _ = self.send(self.server(("fake.example",), **options), code=76)
                self.assertEqual((report["error"]["fault"], report["error"]["stage"]), ("protocol", stage))

    def test_76_and_77_replies_to_auth(self):
        for reply, code in (("250 2.7.0 Ok", 76), ("334 ", 76), ("504 5.5.4 not recognized", 77), ("534 5.7.9 too weak", 77)):
            with self.subTest(reply=reply), postroad.Folder() as folder:
                pw = folder.write("pw", "s3cret\n", 0o600)
                self.send(self.server(("fake.example", "AUTH PLAIN"), auth=reply), "--user", "test", "--password-file", pw,
                          "--allow-password-in-clear", code=code)

    def test_69_greeting_refuses(self):
        plain, report, _ = self.send(self.server(greeting="554 5.7.1 your address is listed"), code=69)
        self.assertIn("554 5.7.1 your address is listed", plain.stderr)
        self.assertEqual(report["error"]["reply_code"], 554)

    def test_one_taken_one_refused(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            for reply in ("250 fake.example", "250 Ok", "250 Ok", "550 5.1.1 nobody", "354 go on"):
                peer.line()
                peer.say(reply + "\r\n")
            peer.text()
            peer.say("250 2.0.0 taken\r\n")
            by_hand.converse(peer)
        plain, report, _ = self.send(script, code=69)
        self.assertEqual(self.outcomes(report), [("accepted", "END OF DATA", 250), ("refused", "RCPT TO", 550)])
        self.assertRegex(plain.stdout, r"(?m)^b@x\.example accepted 250")
        self.assertRegex(plain.stdout, r"(?m)^c@x\.example refused 550 5\.1\.1 nobody$")

    # row 13

    def test_row_13_550_and_hang_up_keeps_the_words(self):
        for stage, at in (("MAIL FROM", "MAIL"), ("RCPT TO", "RCPT"), ("DATA", "DATA")):
            for ehlo in (("fake.example", "PIPELINING"), ("fake.example",)):
                with self.subTest(stage=stage, ehlo=ehlo):
                    def script(peer):
                        peer.say("220 fake.example ESMTP\r\n")
                        by_hand.converse(peer, ehlo=ehlo, until=at)
                        peer.say("550 5.7.1 blocked by policy\r\n")
                        peer.close()
                    plain, report, _ = self.send(script, code=69, recipients=("--from", "a@client.example", "--to", "b@x.example", "--text", "x"))
                    self.assertEqual(self.outcomes(report), [("refused", stage, 550)])
                    self.assertIn("550 5.7.1 blocked by policy", plain.stdout)

    def test_row_13_421_and_hang_up_keeps_the_words(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="MAIL")
            peer.say("421 4.7.0 too many connections\r\n")
        plain, report, _ = self.send(script, code=75)
        self.assertIn("421 4.7.0 too many connections", plain.stdout + plain.stderr)
        self.assertNotIn("refused", json.dumps(report["recipients"]))

    def test_row_13_hang_up_in_the_text_after_words(self):
        # The server refuses while data is still being sent, and closes: its reply decides, not the lost connection.
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            peer.line()
            peer.say("552 5.3.4 too large\r\n")
            peer.socket.shutdown(1)
            while peer.socket.recv(65536):
                pass
        with postroad.Folder() as folder:
            large = folder.write("large.eml", b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 500_000)
            plain, report, _ = self.send(script, "--data", large, code=69, recipients=("--from", "a@client.example", "--to", "b@x.example"))
        self.assertEqual([one["code"] for one in report["recipients"]], [552])
        self.assertIn("552 5.3.4 too large", plain.stdout)

    # row 15

    def test_row_15_a_cut_after_the_dot_is_unknown(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "PIPELINING"), until=".")
        plain, report, heard = self.send(script, code=75)
        self.assertEqual([one["outcome"] for one in report["recipients"]], ["unknown", "unknown"])
        self.assertTrue(report["error"]["may_have_been_delivered"])
        self.assertRegex(plain.stdout, r"(?m)^b@x\.example unknown ")
        self.assertEqual(len([line for line in heard if line.startswith("MAIL")]), 2, "one for each of the two runs: no blind second try")

    def test_row_15_silence_after_the_dot_is_unknown(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")
            peer.line()  # until the client gives up
        with by_hand.FakeServer(script) as fake:
            try:
                done = postroad.run("send", "--server", f"smtp://127.0.0.1:{fake.port}", "--json", "--timeout", "1s", *ENVELOPE, timeout=10)
            except subprocess.TimeoutExpired:
                self.fail("--timeout 1s (\"to connect, and for each reply\") did not end the wait for the reply to the final dot")
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertEqual([one["outcome"] for one in json.loads(done.stdout)["recipients"]], ["unknown", "unknown"])

    def test_a_cut_before_the_dot_is_deferred(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="DATA")
        _, report, _ = self.send(script, code=75)
        self.assertNotIn("unknown", json.dumps(report["recipients"]))
        self.assertFalse(report["error"]["may_have_been_delivered"])

    # row 50

    def test_row_50_terminal_escapes_of_a_server_are_not_printed_raw(self):
        plain, report, _ = self.send(self.server(rcpt="550 5.1.1 \x1b[31mred\x07\x1b]0;title\x07"), "--trace", code=69)
        self.assertNotIn("\x1b", plain.stdout + plain.stderr)
        self.assertNotIn("\x07", plain.stdout + plain.stderr)
        self.assertEqual(len(report["recipients"]), 2)

    # The null sender (RFC 5321 section 4.5.5).

    def test_the_null_sender(self):
        whole = self.enterContext(postroad.Folder()).write("mail.eml", "From: a@x.example\nSubject: hi\n\nhello\n")
        for flags, author in ((("--text", "x"), "MAILER-DAEMON@"), (("--text", "x", "--header", "From: own@x.example"), "own@x.example"),
                              (("--data", whole), "a@x.example")):
            with self.subTest(flags=flags):
                done = postroad.run("send", "--dry-run", "-f", "<>", "-t", "b@x.example", *flags)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.startswith("MAIL FROM:<>\nRCPT TO:<b@x.example>\n\n"), done.stdout)
                self.assertRegex(done.stdout, rf"(?m)^From: {author}")
                self.assertEqual(done.stdout.count("\nFrom: "), 1)
        _, report, heard = self.send(self.server(), code=0, recipients=("-f", "<>", "-t", "b@x.example", "--text", "x"))
        self.assertEqual(self.outcomes(report), [("accepted", "END OF DATA", 250)])
        self.assertTrue(any(line.startswith("MAIL FROM:<>") for line in heard), heard)

    # QUIT, whose reply changes nothing.

    def test_the_outcome_is_printed_before_quit_is_answered(self):
        for flags in ((), ("--json",), ("--relay", "127.0.0.1:1"), ("--relay", "127.0.0.1:1", "--json")):
            asked, answered = threading.Event(), threading.Event()

            def script(peer):
                peer.say("220 fake.example ESMTP\r\n")
                by_hand.converse(peer, until="QUIT")
                asked.set()
                answered.wait(postroad.PATIENCE)
            with self.subTest(flags=flags), by_hand.FakeServer(script) as fake:
                process = subprocess.Popen([postroad.BINARY, "send", "--server", f"smtp://127.0.0.1:{fake.port}", *ENVELOPE, *flags], env=postroad.CLEAN,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                self.assertTrue(asked.wait(postroad.PATIENCE))
                self.assertTrue(select.select([process.stdout], [], [], 0)[0], "printed before QUIT was sent")
                text = os.read(process.stdout.fileno(), 65536).decode()
                if "--json" in flags:
                    self.assertEqual([one["outcome"] for one in json.loads(text)["recipients"]], ["accepted"] * 2)
                else:
                    self.assertRegex(text, r"^b@x\.example accepted 250.*\nc@x\.example accepted 250.*\n$")
                answered.set()
                self.assertEqual(process.wait(postroad.PATIENCE), 0)
                process.stdout.close()

    def test_dry_run_sends_nothing(self):
        with by_hand.FakeServer(lambda peer: None) as fake:
            done = postroad.run("send", "--server", f"smtp://127.0.0.1:{fake.port}", "--dry-run", *ENVELOPE)
            self.assertEqual(fake.peers, [])
        self.assertEqual(done.returncode, 0)
        self.assertIn("MAIL FROM:<a@client.example>\nRCPT TO:<b@x.example>\nRCPT TO:<c@x.example>\n", done.stdout)
        self.assertIn("Subject: hi\r\n", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
