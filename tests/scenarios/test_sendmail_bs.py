# `sendmail -bs`: SMTP on standard input and output.
import contextlib
import pathlib
import resource
import subprocess
import unittest

import by_hand
import postroad
from sendmail_entry import plain, Sent, Sendmail


class Bs(Sendmail):
    """-bs: SMTP on standard input and output."""

    @contextlib.contextmanager
    def dialogue(self, script=plain):
        with by_hand.FakeServer(script) as fake:
            process = subprocess.Popen([str(self.program), "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env={**postroad.CLEAN, **self.environment(fake.port)})
            lines = postroad.LineReader(process.stdout.fileno())

            def reply():
                while True:
                    line = lines.next()
                    if line is None:
                        return None
                    if line[3:4] != "-":
                        return line.rstrip("\r")

            def say(octets):
                process.stdin.write(octets.encode() + b"\r\n" if isinstance(octets, str) else octets)
                process.stdin.flush()
                return reply()
            say.process, say.reply = process, reply
            try:
                yield say, fake
            finally:
                with contextlib.suppress(OSError):
                    process.stdin.close()
                self.ended = process.wait(postroad.PATIENCE)
                process.stdout.close()
                process.stderr.close()

    def transaction(self, say, recipients=("b@x.example",), text=b"Subject: x\r\n\r\nhi\r\n"):
        self.assertRegex(say("MAIL FROM:<a@x.example>"), "^250")
        for one in recipients:
            self.assertRegex(say(f"RCPT TO:<{one}>"), "^250")
        self.assertRegex(say("DATA"), "^354")
        return say(by_hand.stuffed(text))

    # The exit code says that the session did not end as it should: here there is no memory for the message.
    @unittest.skipIf(postroad.is_sanitized(), "not applicable: a sanitizer needs the address space")
    def test_an_exception_is_no_success(self):
        with self.dialogue() as (say, _):
            say.reply()
            for line in ("EHLO me", "MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "DATA"):
                say(line)
            size = int(pathlib.Path(f"/proc/{say.process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
            resource.prlimit(say.process.pid, resource.RLIMIT_AS, (size + (8 << 20), resource.RLIM_INFINITY))
            with contextlib.suppress(OSError):
                for _ in range(512):
                    say.process.stdin.write((b"x" * 998 + b"\r\n") * 64)
            self.assertEqual(say.process.wait(postroad.PATIENCE), 70)
            self.assertRegex(say.process.stderr.read().decode(), "^sendmail: the session was ended by an exception: ")

    def test_a_dialogue(self):
        with self.dialogue() as (say, fake):
            self.assertRegex(say.reply(), r"^220 here\.example ")
            self.assertRegex(say("EHLO me"), "^250 ")
            self.assertRegex(self.transaction(say, ("b@x.example", "c@x.example"), b"Subject: x\r\n\r\n.\r\n..two\r\n"), "^250 2.0.0 Ok: taken$")
            self.assertRegex(say("RSET"), "^250")
            self.assertRegex(self.transaction(say), "^250 ")
            self.assertRegex(say("QUIT"), "^221")
            self.assertIsNone(say.reply())
            say.process.wait(postroad.PATIENCE)
            sent = Sent(subprocess.CompletedProcess([], 0, "", ""), fake.heard)
        self.assertEqual(self.ended, 0)
        self.assertEqual(sent.recipients, ["b@x.example", "c@x.example", "b@x.example"])
        self.assertEqual(sent.text, ["Subject: x", "", "..", "...two"])
        self.assertEqual(len([line for line in sent.heard if line.startswith("EHLO")]), 1, "one connection for both")

    def test_all_or_none(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            for reply in ("250-fake.example\r\n250 PIPELINING", "250 Ok", "250 Ok", "550 5.1.1 nobody", "250 Ok"):
                peer.line()
                peer.say(reply + "\r\n")
            by_hand.converse(peer)
        with self.dialogue(script) as (say, fake):
            say.reply()
            say("EHLO me")
            self.assertRegex(self.transaction(say, ("b@x.example", "c@x.example")), r"^550 5\.1\.1 nobody$")
            # The caller can go on.
            self.assertRegex(say("NOOP"), "^250")
        self.assertNotIn("DATA", fake.heard)

    def test_what_the_server_says_is_what_the_caller_hears(self):
        for stage in ("mail", "rcpt", "data", "dot"):
            for reply in ("550 5.7.1 go away", "450 4.2.1 later"):
                with self.subTest(stage=stage, reply=reply), self.dialogue(lambda peer: plain(peer, **{stage: reply})) as (say, _):
                    say.reply()
                    say("EHLO me")
                    self.assertEqual(self.transaction(say), reply)

    def test_goodbye_is_a_4yz(self):
        for script in (lambda peer: peer.say("421 4.3.2 not now\r\n"), lambda peer: plain(peer, mail="421 4.3.2 not now"), lambda peer: plain(peer, dot="421 4.3.2 not now")):
            with self.dialogue(script) as (say, _):
                say.reply()
                say("EHLO me")
                answer = self.transaction(say)
                self.assertRegex(answer, r"^4\d\d .*not now")

    def test_nobody_listens_is_a_451(self):
        with by_hand.FakeServer(plain) as gone:
            port = gone.port
        process = postroad.run_program(self.program, "-bs", env=self.environment(port),
                                       input=b"EHLO me\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
        self.assertEqual(process.returncode, 0)
        self.assertRegex(process.stdout.splitlines()[-2], r"^451 4\.4\.0 ")

    def test_unknown_is_said(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")
        with self.dialogue(script) as (say, fake):
            say.reply()
            say("EHLO me")
            self.assertRegex(self.transaction(say), "^451 4.4.2 outcome unknown")
        self.assertEqual(len([line for line in fake.heard if line.startswith("MAIL")]), 1)

    def test_a_caller_that_closes_early_sends_nothing(self):
        head = b"EHLO me\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
        for input in (b"", b"EHLO me\r\n", head, head + b"half of", head + b"half of\r\n", head + b"half\r\n.\r", head + b"half\r\n.", head + b"half\n.\n"):
            with self.subTest(input):
                self.assertIsNone(self.call("-bs", input=input).text)

    def test_a_caller_that_listens_no_more_ends_it(self):
        with self.dialogue() as (say, _):
            say.reply()
            say.process.stdout.close()
            with contextlib.suppress(OSError):
                say.process.stdin.write(b"NOOP\r\n" * 100)
                say.process.stdin.flush()
            self.assertEqual(say.process.wait(postroad.PATIENCE), 74)

    def test_options_go_on(self):
        with self.dialogue() as (say, fake):
            say.reply()
            say("EHLO me")
            say("MAIL FROM:<a@x.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q1")
            say("RCPT TO:<grüße@x.example> NOTIFY=NEVER")
            say("DATA")
            self.assertRegex(say("Subject: grüße\r\n\r\nhi\r\n.".encode() + b"\r\n"), "^250")
            sent = Sent(subprocess.CompletedProcess([], 0, "", ""), fake.heard)
        for word in ("BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=q1"):
            self.assertIn(word, sent.mail)
        self.assertIn("NOTIFY=NEVER", sent.rcpt[0])

    def test_a_large_message_both_ways_at_once(self):
        line = b"0123456789abcdef" * 4 + b"\r\n"
        with self.dialogue() as (say, fake):
            say.reply()
            say("EHLO me")
            self.assertRegex(self.transaction(say, text=b"Subject: x\r\n\r\n" + line * 80_000), "^250")
            sent = Sent(subprocess.CompletedProcess([], 0, "", ""), fake.heard)
        self.assertEqual(len(sent.body), 80_000)

    def test_neither_tls_nor_login_is_offered_on_a_pipe(self):
        with self.dialogue() as (say, fake):
            say.reply()
            self.assertRegex(say("STARTTLS"), "^5")
            self.assertRegex(say("AUTH PLAIN AGEAYg=="), "^5")
        self.assertEqual(fake.heard, [])


if __name__ == "__main__":
    unittest.main()
