# Exit codes of `postroad send` (sysexits.h), its messages for people and its JSON (--json): for every kind of reply that a
# server can send, and for wrong input. Rows 13 and 15 of guards.md are here: a reply before the connection closes, and the
# unknown outcome.
import json
import os
import re
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

    # wrong input

    def test_64_wrong_command_line(self):
        for arguments, words in ((("--form", "a@x.example"), "--from"), (("--timeout", "soon"), "--timeout"), (("--auth", "CRAM"), "PLAIN, LOGIN"),
                                 (("--from",), "--from needs a value")):
            with self.subTest(arguments):
                done = postroad.run("send", *arguments)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(words, done.stderr)

    def test_64_wrong_value(self):
        for flags, words in ((("--from", "not an address", "--to", "b@x.example"), "not an address"),
                             (("--from", "a@x.example", "--to", "b@@x.example"), "b@@x.example"),
                             (("--from", "a@x.example"), "no recipient; use --to ADDRESS"),
                             (("--from", "a@x.example", "--to", "b@x.example\r\nRCPT TO:<evil@x.example>"), "CR, LF or NUL"),
                             (("--from", "a@x.example", "--to", "b@x.example", "--header", "no colon"), "--header"),
                             (("--from", "a@x.example", "--to", "b@x.example", "--header", "X: a\r\nBcc: evil@x.example"), "X"),
                             (("--from", "a@x.example", "--to", "b@x.example", "--server", "http://h"), "'http'")):
            with self.subTest(flags):
                server = () if "--server" in flags else ("--server", "smtp://127.0.0.1:1")
                done = postroad.run("send", "--text", "x", *server, *flags)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(words, done.stderr)

    # The content of a file or of standard input, in place of a value of the command line.
    def test_65_wrong_content(self):
        folder = self.enterContext(postroad.Folder())
        nul, latin, page = folder.write("nul.eml", b"Subject: a\0b\n\nx\n"), folder.write("latin.txt", b"gr\xfc\xdfe\n"), folder.write("page.html", b"<p>\xfc</p>")
        ok = ("--server", "smtp://127.0.0.1:1", "--from", "a@x.example", "--to", "b@x.example")
        sign = ("--text", "x", "--dkim-selector", "s", "--dkim-key")
        for flags, input, pattern in ((("--data", nul), None, "--data: .*NUL"), (("--data", "-"), nul.read_bytes(), "--data: .*NUL"),
                                      (("--text", f"@{latin}"), None, "--text: not UTF-8"), (("--html-file", page), None, "--html-file: not UTF-8"),
                                      (("--text", "x", "--calendar", f"REQUEST:{latin}"), None, "--calendar: not UTF-8"),
                                      ((*sign, latin), None, f"{latin}: ")):
            with self.subTest(flags=flags):
                done = postroad.run("send", *ok, *flags, input=input)
                self.assertEqual(done.returncode, 65, done.stderr)
                self.assertRegex(done.stderr, f"^postroad send: {pattern}")
        done = postroad.run("send", *ok, "--text", "x", "--calendar", f"RE QUEST:{latin}")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertRegex(done.stderr, "^postroad send: --calendar: expected letters")

    # As `sendmail -t`: none of the recipients in the header is left out silently.
    def test_65_wrong_address_in_the_header(self):
        for header, where in (("To: x@@y", 'To "x@@y"'), ("To: b@x.example\nCc: x@@y", 'Cc "x@@y"')):
            for flags in ((), ("--to", "c@x.example")):
                with self.subTest(header=header, flags=flags):
                    done = postroad.run("send", "--dry-run", *flags, "--data", "-", input=f"From: a@x.example\n{header}\n\nhi\n")
                    self.assertEqual((done.returncode, done.stdout), (65, ""))
                    self.assertIn(f"postroad send: --data, {where}: ", done.stderr)
                    self.assertIn("correct the header, or give the recipients as arguments", done.stderr)
            done = postroad.run("send", "--dry-run", "--data", "-", "c@x.example", input=f"From: a@x.example\n{header}\n\nhi\n")
            self.assertEqual(done.returncode, 0, done.stderr)
        done = postroad.run("send", "--dry-run", "--data", "-", input="From: a@x.example\nSubject: hi\n\nhi\n")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("no recipient; use --to ADDRESS", done.stderr)

    def test_66_a_file_that_cannot_be_read(self):
        for flag in ("--attach", "--data", "--html"):
            with self.subTest(flag):
                value = "@/nowhere/file" if flag == "--html" else "/nowhere/file"
                done = postroad.run("send", "--server", "smtp://127.0.0.1:1", "--from", "a@x.example", "--to", "b@x.example", flag, value)
                self.assertRegex(done.stderr, r"/nowhere/file.*No such file")
                self.assertEqual(done.returncode, 66, done.stderr)

    def test_66_a_password_file_that_cannot_be_read(self):
        done = postroad.run("send", "--user", "u", "--password-file", "/nowhere/pw", *ENVELOPE)
        self.assertIn("/nowhere/pw", done.stderr)
        self.assertEqual(done.returncode, 66, done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root can take the network away")
    def test_75_no_name_server_answers(self):
        done = postroad.run_program("unshare", "--net", postroad.BINARY, "send", "--server", "smtp://mail.there.example", *ENVELOPE)
        if "unshare" in done.stderr:
            self.skipTest(done.stderr)
        self.assertIn("mail.there.example cannot be looked up now", done.stderr)
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_68_no_such_host(self):
        done = postroad.run("send", "--server", f"smtp://{postroad.NO_SUCH_HOST}", *ENVELOPE)
        self.assertIn(f"{postroad.NO_SUCH_HOST}:25 CONNECT: ", done.stderr)
        self.assertEqual(done.returncode, 68, done.stderr)

    # Errors of the command line: the flag as typed, the reason and the remedy.

    def test_poor_input_is_named_with_its_remedy(self):
        folder = self.enterContext(postroad.Folder()).path
        ok = ("-f", "a@x.example", "-t", "b@x.example", "--text", "hi")
        for flags, code, pattern in ((("-t", "b@x.example"), 64, r"^postroad send: no sender; use --from ADDRESS$"),
                                     (("-t", "b@x.example", "--text", "hi"), 64, r"^postroad send: no sender; use --from ADDRESS$"),
                                     ((*ok, "--attach", folder), 66, rf"--attach {folder}: is a folder; name a file"),
                                     ((*ok, "--html", "<p>hi</p>", "--embed", folder), 66, rf"--embed {folder}: is a folder; name a file"),
                                     ((*ok[:4], "--html-file", folder), 66, rf"--html-file {folder}: is a folder; name a file"),
                                     ((*ok[:4], "--text", f"@{folder}"), 66, rf"{folder}: cannot be read: Is a directory"),
                                     ((*ok[:4], "--data", folder), 66, rf"--data {folder}: is a folder; name a file"),
                                     ((*ok, "--priority", "20"), 64, r"--priority 20: expected a number from -9 to 9"),
                                     ((*ok, "--deliver-by", "10"), 64, r"--deliver-by 10: expected SECONDS;R or SECONDS;N"),
                                     ((*ok, "--hold-until", "noon"), 64, r"--hold-until noon: expected a time such as 20"),
                                     ((*ok, "--hold-for", "1s", "--hold-until", "2026-11-28T09:00:00Z"), 64, r"--hold-for, --hold-until: mutually exclusive"),
                                     ((*ok, "--notify", "maybe"), 64, r"--notify maybe: expected NEVER"),
                                     ((*ok, "--envelope-id", "x" * 101), 64, r"--envelope-id x+…: expected at most 100 bytes"),
                                     ((*ok, "--original-recipient", "ben"), 64, r"--original-recipient ben: expected TYPE;ADDRESS"),
                                     ((*ok, "--proxy", "foo"), 64, r"--proxy foo: not the URL of a proxy; write socks5://"),
                                     ((*ok, "--pin", "abc"), 64, r"--pin abc: not a pinned key; write sha256:"),
                                     ((*ok, "--xclient", "ADDR"), 64, r"--xclient ADDR: expected NAME=VALUE"),
                                     ((*ok, "--ca-file", "/nonexistent"), 66, r"--ca-file /nonexistent: cannot be read: No such file or directory; name a file"),
                                     ((*ok, "--certificate", "/nonexistent"), 66, r"--certificate /nonexistent: cannot be read"),
                                     ((*ok, "--certificate", __file__, "--key", "/nonexistent"), 66, r"--key /nonexistent: cannot be read"),
                                     ((*ok, "--key", __file__), 64, r"--key: needs --certificate"),
                                     ((*ok, "--no-tls", "--require-tls"), 64, r"--no-tls, --require-tls: mutually exclusive"),
                                     ((*ok, "--requiretls"), 64, r"--requiretls: .*--require-tls for TLS to this server.*--require-tls-all-hops")):
            with self.subTest(flags=flags):
                done = postroad.run("send", "--server", "smtp://127.0.0.1:1", *flags)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertRegex(done.stderr, pattern)
        self.assertNotIn("secret", postroad.run("send", "--server", "smtp://127.0.0.1:1", *ok, "--proxy", "foo://u:secret@h").stderr)

    # A flag has an effect, or it is refused.

    def test_no_flag_is_ignored(self):
        folder = self.enterContext(postroad.Folder())
        whole = folder.write("mail.eml", "From: a@x.example\nSubject: hi\nX-Tag: one\nImportance: high\n\nhello\n")
        page, pin = folder.write("page.html", "<p>hi</p>"), "sha256:" + "A" * 43 + "="
        ok = ("-f", "a@x.example", "-t", "b@x.example")
        text, data, login = (*ok, "--text", "hi"), (*ok, "--data", whole), ("--user", "u", "--password-env", "PW")
        exclude = "mutually exclusive"
        for flags, pattern in (((*text, "--no-tls", "--ca-file", whole), f"--no-tls, --ca-file: {exclude}"),
                               ((*text, "--no-tls", "--certificate", whole), f"--no-tls, --certificate: {exclude}"),
                               ((*text, "--no-tls", "--pin", pin), f"--no-tls, --pin: {exclude}"),
                               ((*text, "--no-tls", "--insecure-accept-any-certificate"), f"--no-tls, --insecure-accept-any-certificate: {exclude}"),
                               ((*text, "--no-tls", "--insecure-allow-legacy-tls"), f"--no-tls, --insecure-allow-legacy-tls: {exclude}"),
                               ((*text, "--insecure-accept-any-certificate", "--pin", pin), f"--insecure-accept-any-certificate, --pin: {exclude}"),
                               ((*text, "--insecure-accept-any-certificate", "--ca-file", whole), f"--insecure-accept-any-certificate, --ca-file: {exclude}"),
                               ((*text, "--plain-helo", "--require-tls"), "--plain-helo, --require-tls: HELO offers no STARTTLS"),
                               ((*text, "--plain-helo", "--lmtp"), f"--lmtp, --plain-helo: {exclude}"),
                               ((*text, "--dry-run", "--trace"), f"--dry-run, --trace: {exclude}"),
                               ((*text, "--bcc", "c@x.example", "d@x.example"), f"--bcc, RECIPIENT: {exclude}"),
                               ((*text, *login, "--authorize-as", "v", "--auth", "LOGIN"), "--authorize-as, --auth LOGIN: this mechanism cannot carry"),
                               ((*text, "--user", "u", "--token-env", "PW", "--authorize-as", "v"), f"--authorize-as, --token-env: {exclude}"),
                               ((*text, "--auth", "EXTERNAL", "--certificate", whole, "--password-env", "PW"), "--password-env: with --auth EXTERNAL"),
                               ((*ok, "--html", "x", "--html-file", page), f"--html, --html-file: {exclude}"),
                               ((*ok, "--html", "x", "--flowed"), "--flowed: needs --text"),
                               ((*text, "--embed", page), "--embed: needs --html"),
                               ((*text, "--set", "name=x"), "--set name: neither --subject nor --text nor --html has {{name}}"),
                               ((*data, "--flowed"), f"--data, --flowed: {exclude}"),
                               ((*data, "--subject", "other"), "--data, --subject: the message has a field Subject already"),
                               ((*data, "--importance", "low"), "--data, --importance: the message has a field Importance already"),
                               ((*data, "--header", "x-tag: two"), "--data, --header: the message has a field x-tag already")):
            with self.subTest(flags=flags):
                done = postroad.run("send", "--server", "smtp://127.0.0.1:1", *flags)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(f"postroad send: {pattern}", done.stderr)
        done = postroad.run("send", "--dry-run", *data, "--in-reply-to", "<q@x.example>", "--header", "X-Other: two")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?s)\nIn-Reply-To: <q@x\.example>\r?\n.*X-Other: two")

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

    # Input that is not a message.

    def test_empty_input_is_not_sent(self):
        empty = self.enterContext(postroad.Folder()).write("empty", "")
        ok = ("send", "--dry-run", "-f", "a@x.example", "-t", "b@x.example")
        for flags in (("--data", "-"), ("--data", empty), ("--text", "-"), ("--text", f"@{empty}"), ("--html", "-"),
                      ("--html-file", empty), ("--calendar", f"REQUEST:{empty}")):
            for input in (b"", b"\n"):
                with self.subTest(flags=flags, input=input):
                    done = postroad.run(*ok, *flags, input=input)
                    self.assertEqual((done.returncode, done.stdout), (65, ""))
                    self.assertRegex(done.stderr, rf"^postroad send: {flags[0]} .*the input is empty; use --allow-empty")
                    self.assertEqual(postroad.run(*ok, *flags, "--allow-empty", input=input).returncode, 0)
        self.assertEqual(postroad.run(*ok, "--text", "").returncode, 0, "written on the command line it is meant")

    def test_a_binary_file_is_no_message(self):
        folder = self.enterContext(postroad.Folder())
        ok = ("send", "--dry-run", "-f", "a@x.example", "-t", "b@x.example")
        for input in (b"\x7fELF\x02\x01\x01\0\0\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "text in UTF-16\n".encode("utf-16")):
            path = folder.write("input", input)
            for flags in (("--data", "-"), ("--text", "-"), ("--data", path), ("--text", f"@{path}"), ("--html", f"@{path}"), ("--html-file", path),
                          ("--calendar", f"REQUEST:{path}")):
                with self.subTest(flags=flags, input=input):
                    done = postroad.run(*ok, *flags, input=input)
                    self.assertEqual((done.returncode, done.stdout), (65, ""))
                    self.assertRegex(done.stderr, rf"^postroad send: {flags[0]} .*binary data; attach it with --attach, or use --allow-binary")
        self.assertEqual(postroad.run(*ok, "--data", "-", "--allow-binary", input=b"\x01\x02\n").returncode, 0)
        self.assertEqual(postroad.run(*ok, "--html-file", folder.write("input", "<p>\x01</p>"), "--allow-binary").returncode, 0)
        for input in (b"Gr\xfc\xdfe\n", b"\x1b$B8+\x1b(B\n", "Grüße\n".encode()):  # text, in whatever charset
            self.assertEqual(postroad.run(*ok, "--data", "-", input=input).returncode, 0)

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
