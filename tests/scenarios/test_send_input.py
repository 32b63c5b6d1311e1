# Input of `postroad send`: a wrong command line (64), wrong content of a file or of standard input (65), files and hosts
# that are not there (66, 68). Each message names the flag as typed, the reason and the remedy.
import os
import subprocess
import threading
import unittest

from certificates import Certificates
import postroad

ENVELOPE = ("--from", "a@client.example", "--to", "b@x.example, c@x.example", "--subject", "hi", "--text", "hello")


class SendInput(unittest.TestCase):
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
                             (("--from", "a@x.example", "--to", "b@x.example", "--server", "http://h"), "'http'"),
                             (("--from", "a@x.example", "--to", "b@x.example", "--relay", "http://h"), "'http'")):
            with self.subTest(flags):
                server = () if "--server" in flags else ("--server", "smtp://127.0.0.1:1")
                done = postroad.run("send", "--text", "x", *server, *flags)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(words, done.stderr)

    # The content of a file or of standard input, in place of a value of the command line.
    def test_65_wrong_content(self):
        folder = self.enterContext(postroad.Folder())
        nul, latin, page = folder.write("nul.eml", b"Subject: a\0b\n\nx\n"), folder.write("latin.txt", b"gr\xfc\xdfe\n"), folder.write("page.html", b"<p>\xfc</p>")
        made = Certificates(folder.path)
        pem, own_key = made.make("own")
        encrypted, request = folder.path / "encrypted.key", folder.path / "own.csr"
        subprocess.run(["openssl", "pkey", "-in", own_key, "-aes256", "-passout", "pass:x", "-out", encrypted], check=True)
        ok = ("--server", "smtp://127.0.0.1:1", "--from", "a@x.example", "--to", "b@x.example")
        sign = ("--text", "x", "--dkim-selector", "s", "--dkim-key")
        for flags, input, pattern in ((("--data", nul), None, "--data: .*NUL"), (("--data", "-"), nul.read_bytes(), "--data: .*NUL"),
                                      (("--text", f"@{latin}"), None, "--text: not UTF-8"), (("--html-file", page), None, "--html-file: not UTF-8"),
                                      (("--text", "x", "--calendar", f"REQUEST:{latin}"), None, "--calendar: not UTF-8"),
                                      ((*sign, latin), None, f"{latin}: "), (("--text", "x", "--ca-file", nul), None, f"--ca-file {nul}: .*BEGIN CERTIFICATE"),
                                      (("--text", "x", "--ca-file", own_key), None, f"--ca-file {own_key}: .*BEGIN CERTIFICATE"),
                                      (("--text", "x", "--certificate", request), None, f"--certificate {request}: .*BEGIN CERTIFICATE"),
                                      (("--text", "x", "--certificate", made.ca), None, f"--certificate {made.ca}: .*BEGIN PRIVATE KEY"),
                                      (("--text", "x", "--certificate", pem, "--key", nul), None, f"--key {nul}: .*BEGIN PRIVATE KEY"),
                                      (("--text", "x", "--certificate", pem, "--key", encrypted), None, f"--key {encrypted}: the private key is encrypted with a pass phrase"),
                                      (("--text", "x", "--certificate", made.ca, "--key", own_key), None, f"--key {own_key}: this private key does not belong to the cert"),
                                      (("--text", "x", "--user", "u", "--password-file", folder.write("empty", "")), None, ".*/empty: the password file is empty"),
                                      (("--text", "x", "--user", "u", "--password-env", "NOPE"), None, "--password-env NOPE: this environment variable is not set")):
            with self.subTest(flags=flags):
                done = postroad.run("send", *ok, *flags, input=input)
                self.assertEqual(done.returncode, 65, done.stderr)
                self.assertRegex(done.stderr, f"^postroad send: {pattern}")
        done = postroad.run("send", *ok, "--text", "x", "--calendar", f"RE QUEST:{latin}")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertRegex(done.stderr, "^postroad send: --calendar: expected letters")

    # A pipe can be read once only, and is for the handshake.
    def test_a_file_of_tls_may_be_a_pipe(self):
        folder = self.enterContext(postroad.Folder()).path
        made = Certificates(folder)
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_bytes(made.ca.read_bytes()), daemon=True)
        writer.start()
        done = postroad.run("send", "--server", "smtp://127.0.0.1:1", *ENVELOPE, "--ca-file", pipe)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertTrue(writer.is_alive(), "nobody has read the pipe")
        self.assertEqual(pipe.open("rb").read(), made.ca.read_bytes())

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
        pem, _ = Certificates(self.enterContext(postroad.Folder()).path).make("own")
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
                                     ((*ok, "--certificate", pem, "--key", "/nonexistent"), 66, r"--key /nonexistent: cannot be read"),
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
        pem, key = Certificates(folder.path).make("own")
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
                               ((*text, "--auth", "EXTERNAL", "--certificate", pem, "--key", key, "--password-env", "PW"), "--password-env: with --auth EXTERNAL"),
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
