# `postroad send` into real receivers: Postfix, aiosmtpd and smtp-sink. A whole message given with --data must arrive byte for
# byte; a composed one must have the form that `--dry-run` shows, and Python's email package must read in it what the flags said.
# The peers are in peers.py; one that is not installed is skipped with a sentence, except under CI.
import email.policy
import json
import os
import re
import unittest

import peers
from certificates import Certificates, server_context
import postroad
from postroad import EIGHT_BIT_MESSAGE, HARD_MESSAGE, HOST, same_octets

SUBJECT = "測試標題"
HTML = '郵件內容 <a href="https://example.org">link</a>'
TEXT = "郵件內容\n.\n..dots\n\nthe end\n"
PASSWORD = "s3cret-Pässwörd"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.certificates = Certificates(cls.folder.path)
        cls.certificate, cls.key = cls.certificates.make("server")
        cls.ca = cls.certificates.ca

    def send(self, port, *flags, code=0, host=HOST, **rest):
        done = postroad.run("send", "--server", f"smtp://{host}:{port}", "--helo", "client.example", "--trace", *flags, **rest)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def send_raw(self, port, message, *flags, to="reader@sink.example", **rest):
        path = self.folder.write("whole.eml", message)
        return self.send(port, "--from", "sender@client.example", "--data", path, *flags, to, **rest)

    COMPOSED = ("--from", "test <test@163.com>", "--to", "Lesér <reader@sink.example>", "--subject", SUBJECT, "--text", TEXT, "--html", HTML,
                "--header", "X-Tag: eins, zwei")

    def composed_flags(self):
        self.octets = os.urandom(70_000) + b"\r\n.\r\n"
        attachment = self.folder.write("附件 report.bin", self.octets)
        note = self.folder.write("note.txt", "a line\n.\nanother\n")
        return (*self.COMPOSED, "--attach", attachment, "--attach", note)

    def check_composed(self, octets):
        self.assertEqual(re.findall(rb"(?<!\r)\n|\r(?!\n)", octets), [], "a bare CR or LF")
        self.assertLessEqual(max(map(len, octets.split(b"\r\n"))), 998)
        mail = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual(mail.defects, [])
        self.assertEqual(mail["Subject"], SUBJECT)
        self.assertEqual(mail["From"].addresses[0].addr_spec, "test@163.com")
        self.assertEqual(mail["From"].addresses[0].display_name, "test")
        self.assertEqual(mail["To"].addresses[0].display_name, "Lesér")
        self.assertEqual(mail["X-Tag"], "eins, zwei")
        self.assertTrue(mail["Message-ID"])
        self.assertTrue(mail["Date"].datetime)
        plain = mail.get_body(("plain",))
        self.assertEqual(plain.get_content().replace("\r\n", "\n"), TEXT)
        html = mail.get_body(("html",))
        self.assertEqual(html.get_content().replace("\r\n", "\n").rstrip("\n"), HTML)
        first, second = mail.iter_attachments()
        self.assertEqual(first.get_filename(), "附件 report.bin")
        self.assertEqual(first.get_payload(decode=True), self.octets)
        self.assertEqual(second.get_filename(), "note.txt")
        self.assertEqual(second.get_payload(decode=True).replace(b"\r\n", b"\n"), b"a line\n.\nanother\n")


class IntoSmtpSink(Case):
    def test_whole_message(self):
        with peers.SmtpSink() as sink:
            self.send_raw(sink.port, HARD_MESSAGE)
            got, = sink.mails(1)
        same_octets(self, got, HARD_MESSAGE)

    def test_eight_bit(self):
        with peers.SmtpSink() as sink:
            self.send_raw(sink.port, EIGHT_BIT_MESSAGE)
            got, = sink.mails(1)
        same_octets(self, got, EIGHT_BIT_MESSAGE)

    def test_composed(self):
        with peers.SmtpSink() as sink:
            self.send(sink.port, *self.composed_flags())
            got, = sink.mails(1)
        self.check_composed(got)

    def test_without_pipelining(self):
        with peers.SmtpSink("-p") as sink:  # -p: PIPELINING is not offered
            done = self.send_raw(sink.port, HARD_MESSAGE)
            got, = sink.mails(1)
        self.assertNotIn("PIPELINING", done.stderr)
        same_octets(self, got, HARD_MESSAGE)

    def test_helo_only(self):
        with peers.SmtpSink() as sink:
            done = self.send_raw(sink.port, HARD_MESSAGE, "--plain-helo")
            got, = sink.mails(1)
        self.assertIn("HELO client.example", done.stderr)
        self.assertNotIn("EHLO", done.stderr)
        same_octets(self, got, HARD_MESSAGE)

    def test_refused_recipient(self):
        with peers.SmtpSink("-f", "RCPT") as sink:  # 5xx to RCPT
            done = self.send_raw(sink.port, HARD_MESSAGE, "--json", code=69)
        recipient, = json.loads(done.stdout)["recipients"]
        self.assertEqual((recipient["outcome"], recipient["stage"]), ("refused", "RCPT TO"))

    def test_disconnect_after_the_dot_is_unknown(self):
        with peers.SmtpSink("-q", ".") as sink:
            done = self.send_raw(sink.port, HARD_MESSAGE, "--json", code=75)
        recipient, = json.loads(done.stdout)["recipients"]
        self.assertEqual(recipient["outcome"], "unknown")


class IntoPostfix(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.folder.path, 0o755)
        cls.postfix = cls.enterClassContext(peers.Postfix(cls.certificate, cls.key))
        cls.count = 0

    def arrived(self):
        type(self).count += 1
        return self.postfix.mails(self.count)

    def newest(self, mails, mark):
        found = [one for one in mails if mark in one]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_whole_message(self):
        done = self.send_raw(self.postfix.port, HARD_MESSAGE, "--no-tls")
        self.assertIn("250 2.0.0 Ok: queued as", done.stderr)
        same_octets(self, self.newest(self.arrived(), b"<hard@client.example>"), HARD_MESSAGE)

    def test_whole_message_starttls(self):
        message = HARD_MESSAGE.replace(b"hard@", b"hard-tls@")
        self.send_raw(self.postfix.port, message, "--require-tls", "--ca-file", self.ca, host="localhost")
        same_octets(self, self.newest(self.arrived(), b"<hard-tls@client.example>"), message)

    def test_eight_bit(self):
        self.send_raw(self.postfix.port, EIGHT_BIT_MESSAGE, "--no-tls")
        same_octets(self, self.newest(self.arrived(), b"<eight@client.example>"), EIGHT_BIT_MESSAGE)

    def test_composed(self):
        self.send(self.postfix.port, *self.composed_flags(), "--no-tls")
        self.check_composed(self.newest(self.arrived(), b"X-Tag"))

    def test_one_refused_and_one_taken(self):
        message = HARD_MESSAGE.replace(b"hard@", b"hard-two@")
        done = self.send_raw(self.postfix.port, message, "--no-tls", "--json", "no-such\\user@@", code=64)
        done = self.send_raw(self.postfix.port, message, "--no-tls", "--json", "a@" + "x" * 60 + ".invalid", "reader2@sink.example")
        outcomes = {one["address"]: one["outcome"] for one in json.loads(done.stdout)["recipients"]}
        self.assertEqual(set(outcomes.values()), {"accepted"})
        self.assertEqual(len(outcomes), 3)
        self.arrived()
        type(self).count += 1  # two local recipients of it
        self.assertEqual(len([one for one in self.postfix.mails(self.count) if b"<hard-two@client.example>" in one]), 2)


class IntoAiosmtpd(Case):
    def server(self, **rest):
        return peers.Aiosmtpd(**rest)

    def test_whole_message(self):
        with self.server() as server:
            self.send_raw(server.port, HARD_MESSAGE)
            (sender, recipients, octets), = server.mails
        self.assertEqual((sender, recipients), ("sender@client.example", ["reader@sink.example"]))
        same_octets(self, octets, HARD_MESSAGE)

    def test_composed_over_starttls_and_auth(self):
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism), self.server(tls=server_context(self.certificate, self.key), users={"test": PASSWORD}) as server:
                self.send(server.port, *self.composed_flags(), "--ca-file", self.ca, "--user", "test", "--password-env", "PW", "--auth", mechanism,
                          host="localhost", env={"PW": PASSWORD})
                (_, _, octets), = server.mails
                self.assertEqual(server.logins, [(mechanism, "test", True)])
                self.check_composed(octets)

    def test_wrong_password(self):
        with self.server(tls=server_context(self.certificate, self.key), users={"test": PASSWORD}) as server:
            done = self.send_raw(server.port, HARD_MESSAGE, "--ca-file", self.ca, "--user", "test", "--password-env", "PW", code=77,
                                 host="localhost", env={"PW": "wrong"})
            self.assertEqual(server.mails, [])
        self.assertRegex(done.stderr, r"localhost:\d+ .*535")

    def test_smtputf8(self):
        with self.server() as server:
            self.send(server.port, "--from", "發件人@例子.example", "--to", "reader@sink.example", "--subject", SUBJECT, "--text", "x")
            (sender, _, _), = server.mails
        self.assertEqual(sender, "發件人@例子.example")

    def test_smtputf8_is_not_dropped_in_silence(self):
        with self.server(enable_SMTPUTF8=False) as server:
            done = self.send(server.port, "--from", "發件人@例子.example", "--to", "reader@sink.example", "--text", "x", code=69)
            self.assertEqual(server.mails, [])
        self.assertIn("SMTPUTF8", done.stderr)

    def test_large_attachment(self):
        octets = os.urandom(3_000_000)
        path = self.folder.write("large.bin", octets)
        with self.server(data_size_limit=10_000_000) as server:
            self.send(server.port, "--from", "a@client.example", "--to", "reader@sink.example", "--text", "x", "--attach", path)
            (_, _, got), = server.mails
        part, = email.message_from_bytes(got, policy=email.policy.default).iter_attachments()
        self.assertEqual(part.get_payload(decode=True), octets)

    def test_larger_than_the_server_takes(self):
        path = self.folder.write("large.bin", os.urandom(300_000))
        with self.server(data_size_limit=100_000) as server:
            done = self.send(server.port, "--from", "a@client.example", "--to", "reader@sink.example", "--text", "x", "--attach", path, code=69)
            self.assertEqual(server.mails, [])
        self.assertIn("100000", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
