# The dkim verbs: keys, records, signatures, DNS queries for keys, and their failures.
import json
import socket
import struct
import threading
import unittest

import postroad

WHOLE = "From: a@test.example\nTo: b@test.example\nSubject: hi\nDate: Sat, 28 Nov 2026 10:00:00 +0000\nMessage-ID: <1@test.example>\n\nhello\n"
TXT, IN, NXDOMAIN, SERVFAIL = 16, 1, 3, 2


class NameServer:
    """Answers TXT queries by UDP from `records` (name: strings), other names with NXDOMAIN; with `code`, all queries with that code."""

    def __init__(self, records, code=0):
        self.records, self.code, self.queried = records, code, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((postroad.HOST, 0))
        self.address = f"{postroad.HOST}@{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(4096)
            if not question:
                return
            self.socket.sendto(self.answer(question), peer)

    def answer(self, message):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode().lower())
            at += 1 + message[at]
        asked = message[12:at + 5]
        name = ".".join(labels)
        self.queried.append(name)
        strings = self.records.get(name) if struct.unpack("!H", message[at + 1:at + 3])[0] == TXT else []
        code = self.code or (NXDOMAIN if strings is None else 0)
        data = b"".join(bytes([len(one)]) + one for one in strings or [])
        record = b"\xc0\x0c" + struct.pack("!HHIH", TXT, IN, 60, len(data)) + data if strings and not code else b""
        return message[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if record else 0, 0, 0) + asked + record

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join(postroad.PATIENCE)
        self.socket.close()


class DkimVerbs(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(postroad.Folder())
        self.key = folder.path / "k.pem"
        self.made = postroad.run("dkim", "keygen", "-o", self.key, "-d", "test.example", "-s", "s")
        self.assertEqual(self.made.returncode, 0, self.made.stderr)
        # The record of an RSA key does not fit one string.
        self.strings = [one.encode() for one in self.made.stdout.split('"')[1::2]]
        self.assertEqual(len(self.strings), 2)
        self.record = "s._domainkey.test.example=" + b"".join(self.strings).decode()

    def signed(self, *flags):
        done = postroad.run("dkim", "sign", "-k", self.key, "-d", "test.example", "-s", "s", *flags, input=WHOLE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def verified(self, message, *flags):
        done = postroad.run("dkim", "verify", "--json", *flags, input=message)
        return done.returncode, [(one["result"], one["reason"]) for one in json.loads(done.stdout)]

    def test_keys(self):
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        self.assertEqual(postroad.run("dkim", "keygen", "-o", self.key).returncode, 73, "an existing key is not overwritten")
        self.assertEqual(postroad.run("dkim", "keygen").returncode, 64, "no --out")
        self.assertEqual(postroad.run("dkim", "keygen", "-o", self.key.with_name("x"), "--bits", "512").returncode, 64)
        self.assertEqual(postroad.run("dkim", "record", "-k", self.key, "-d", "test.example", "-s", "s").stdout, self.made.stdout)
        for verb in "record", "sign":
            done = postroad.run("dkim", verb, "-d", "x", "-s", "s", input=WHOLE)
            self.assertEqual((done.returncode, done.stderr), (64, f"postroad dkim {verb}: missing --key; name the file with the private key\n"))
        self.assertIn("cannot be read", postroad.run("dkim", "sign", "-k", "/nowhere", "-d", "x", "-s", "s", input=WHOLE).stderr)

    def test_names_and_sizes_that_no_verifier_takes(self):
        new = self.key.with_name("new.pem")
        for flags, named in (
            (("-d", "not a domain"), '-d: not an ASCII domain name: "not a domain"'),
            (("-d", "bücher.example"), "-d: not an ASCII domain name"),
            (("-d", "test.example", "-s", "a b"), '-s: not an ASCII domain name: "a b"'),
            (("--algorithm", "ed25519-sha256", "--bits", "2048"), "--bits 2048: keys of ed25519-sha256 have one size; omit this flag"),
        ):
            done = postroad.run("dkim", "keygen", "-o", new, *flags)
            self.assertEqual((done.returncode, done.stdout, new.exists()), (64, "", False), done.stderr)
            self.assertIn(named, done.stderr)
        done = postroad.run("dkim", "record", "-k", self.key, "-d", "x..y")
        self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
        self.assertIn("-d: not an ASCII domain name", done.stderr)

    def test_sign_and_verify(self):
        for form in ("relaxed/relaxed", "simple/simple"):
            self.assertEqual(self.verified(self.signed("--canonical", form), "--record", self.record), (0, [("pass", "")]))
        self.assertEqual(self.verified(self.signed().replace("hello", "hallo"), "--record", self.record), (65, [("fail", "the body was changed")]))
        self.assertEqual(self.verified(WHOLE), (65, []))

    def test_a_record_is_given_by_name(self):
        printed = self.made.stdout.strip()  # the line of a zone file, as keygen and record print it
        for record in (printed, self.record.replace("example=", "example.="), self.record.upper().split("=")[0] + "=" + self.record.split("=", 1)[1]):
            self.assertEqual(self.verified(self.signed(), "--record", record), (0, [("pass", "")]))
        for record in ("foo", "=v=DKIM1; p=x", "foo=bar", "s._domainkey.test.example=", "s._domainkey.test.example", self.record.split("=", 1)[1],
                       "s._domainkey.test.example. IN TXT"):
            done = postroad.run("dkim", "verify", "--record", record, input=self.signed())
            self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
            self.assertRegex(done.stderr, r"^postroad dkim: --record .*: expected NAME=RECORD, such as 'mail\._domainkey\.example\.org=v=DKIM1;")

    def test_the_key_is_queried_in_dns(self):
        name = "s._domainkey.test.example"
        with NameServer({name: self.strings}) as server:
            self.assertEqual(self.verified(self.signed(), "--name-server", server.address), (0, [("pass", "")]))
            self.assertIn(name, server.queried)
        with NameServer({}) as server:
            self.assertEqual(self.verified(self.signed(), "--name-server", server.address), (65, [("permerror", f"no key record at {name}")]))
        with NameServer({}, code=SERVFAIL) as server:
            code, [(result, reason)] = self.verified(self.signed(), "--name-server", server.address)
            self.assertEqual((code, result), (75, "temperror"))
            self.assertIn("the DNS query for the key failed", reason)
        done = postroad.run("dkim", "verify", "--name-server", "nowhere", input=self.signed())
        self.assertEqual(done.returncode, 64)
        self.assertIn("--name-server", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
