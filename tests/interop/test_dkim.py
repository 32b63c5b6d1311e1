# DKIM with other implementations: generated messages (250, or POSTROAD_DKIM_MESSAGES) signed by Postroad and verified by dkimpy and
# libopendkim, and the reverse, in each algorithm and canonicalization. All three reject a changed message.
import base64
import json
import os
import random
import unittest

import opendkim
import postroad

try:
    import dkim
except ImportError:
    dkim = None

MESSAGES = int(os.environ.get("POSTROAD_DKIM_MESSAGES", "250"))
DOMAIN = "example.org"
FORMS = ("relaxed", "simple")
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed"}  # and the selector of its key
WORDS = "Straße, naïve; one two (three) <four> \"five\" =?utf-8?q?six?= seven\teight 郵件 .. . -- From x=3D".split(" ")


def octets(done):
    return done.stdout.encode("utf-8", "surrogateescape")


def text_of(chance, most):
    return " ".join(chance.choice(WORDS) * chance.choice((1, 1, 1, 9)) for _ in range(chance.randint(0, most)))


def body_of(chance):
    """Lines of every unusual kind: lines of spaces, spaces at their ends, empty ones. As on the wire, the last one has a line end."""
    kind = chance.random()
    if kind < 0.05:
        return b""
    if kind < 0.1:
        return b"\r\n" * chance.randint(1, 5)
    lines = []
    for _ in range(chance.randint(1, 30)):
        lines.append(chance.choice(("", "", " ", "\t", ".", "..", text_of(chance, 8), text_of(chance, 8) + chance.choice(("", " ", " \t ")), "  " + text_of(chance, 4))))
    octets = "\r\n".join(lines).encode("utf-8")
    return octets + b"\r\n" * chance.choice((1, 1, 1, 2, 4))


def header_of(chance, number):
    """Fields in any order, folded in any way, with whitespace where it is allowed; some are repeated."""
    blank = lambda: chance.choice(("", " ", " ", "  ", "\t"))  # noqa: E731
    fold = lambda text: text.replace(" ", chance.choice((" ", " ", "\r\n ", "\r\n\t", "  ")), 3)  # noqa: E731
    fields = [f"From:{blank()}Ann <ann@{DOMAIN}>", f"To:{blank()}b{number}@example.net,{fold(' c@example.net')}",
              f"Subject:{blank()}{fold(text_of(chance, 12).encode('ascii', 'replace').decode())}{blank()}",
              "Date: Sat, 28 Nov 2026 10:00:00 +0000", f"Message-ID: <{number}@{DOMAIN}>"]
    fields += [f"X-Tag:{blank()}{chance.randint(0, 99)}" for _ in range(chance.randint(0, 3))]
    fields += [f"Received: from a by b; {chance.randint(1, 9)}" for _ in range(chance.randint(0, 2))]
    if chance.random() < 0.5:
        fields += ["MIME-Version: 1.0", "Content-Type: text/plain;\r\n charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    chance.shuffle(fields)
    return "".join(field + "\r\n" for field in fields).encode()


def message_of(number):
    chance = random.Random(number)
    return header_of(chance, number) + b"\r\n" + body_of(chance)


@unittest.skipIf(dkim is None and not os.environ.get("CI"), "dkimpy is missing: ./dev setup installs python3-dkim")
class Dkim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.keys, cls.records = {}, {}
        for algorithm, selector in ALGORITHMS.items():
            path = cls.folder.path / f"{selector}.pem"
            done = postroad.run("dkim", "keygen", "-o", path, "-d", DOMAIN, "-s", selector, "--algorithm", algorithm)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
            name, _, strings = done.stdout.partition(". IN TXT (")
            cls.records[name] = "".join(strings.rsplit(")", 1)[0].replace('" "', "").split('"')[1::2])
            cls.keys[algorithm] = path
        cls.folder.write("keys", "".join(f"{name} {record}\n" for name, record in cls.records.items()))
        cls.other = cls.enterClassContext(opendkim.OpenDkim(cls.folder.path / "keys"))

    def dns(self, name, timeout=5):
        return self.records.get(name.decode().rstrip("."), "").encode()

    def pem(self, algorithm):
        """In the form that the other two take: PKCS #1 for RSA, the raw key for dkimpy's Ed25519."""
        path = self.keys[algorithm]
        if algorithm == "rsa-sha256":
            done = postroad.run_program("openssl", "rsa", "-in", path, "-traditional")
            return done.stdout.encode()
        return path.read_bytes()

    def ours_sign(self, message, algorithm, forms):
        path = self.folder.write("m.eml", message)
        done = postroad.run("dkim", "sign", path, "-k", self.keys[algorithm], "-d", DOMAIN, "-s", ALGORITHMS[algorithm], "--canonical", "/".join(forms))
        self.assertEqual(done.returncode, 0, done.stderr)
        return octets(done)

    def ours_judge(self, message):
        path = self.folder.write("s.eml", message)
        records = [word for name, record in self.records.items() for word in ("--record", f"{name}={record}")]
        return json.loads(postroad.run("dkim", "verify", path, "--json", *records).stdout)

    def ed25519_seed(self):
        """The 32 bytes in base64, as dkimpy reads them."""
        der = octets(postroad.run_program("openssl", "pkey", "-in", self.keys["ed25519-sha256"], "-outform", "DER"))
        return base64.b64encode(der[-32:])

    def dkimpy_sign(self, message, algorithm, forms):
        key = self.pem(algorithm) if algorithm == "rsa-sha256" else self.ed25519_seed()
        field = dkim.sign(message, ALGORITHMS[algorithm].encode(), DOMAIN.encode(), key, signature_algorithm=algorithm.encode(),
                          canonicalize=tuple(form.encode() for form in forms))
        return field + message

    def combinations(self):
        pairs = [(algorithm, (header, body)) for algorithm in ALGORITHMS for header in FORMS for body in FORMS]
        for number in range(MESSAGES):
            yield number, *pairs[number % len(pairs)]

    def test_ours_judged_by_others(self):
        for number, algorithm, forms in self.combinations():
            signed = self.ours_sign(message_of(number), algorithm, forms)
            self.assertTrue(dkim.verify(signed, dnsfunc=self.dns), f"dkimpy, message {number}, {algorithm} {forms}:\n{signed.decode()}")
            self.assertEqual(self.other.verify(signed), "Success", f"libopendkim, message {number}, {algorithm} {forms}:\n{signed.decode()}")
        print(f"\n{MESSAGES} messages signed by postroad: all right for dkimpy and libopendkim")

    def test_others_judged_by_ours(self):
        alone = 0
        for number, algorithm, forms in self.combinations():
            signed = self.dkimpy_sign(message_of(number), algorithm, forms)
            # libopendkim 2.11 signs with Ed25519 over the `simple` form of the header, and neither dkimpy nor libopendkim itself
            # accepts the signature.
            if algorithm == "ed25519-sha256" and forms[0] == "simple":
                alone += 1
            else:
                signed = self.other.sign(signed, self.pem(algorithm), ALGORITHMS[algorithm], DOMAIN, algorithm, *forms)
            verdicts = self.ours_judge(signed)
            self.assertEqual({one["result"] for one in verdicts}, {"pass"}, f"message {number}, {algorithm} {forms}: {verdicts}\n{signed.decode()}")
        print(f"\n{MESSAGES} messages signed by dkimpy, and {MESSAGES - alone} of them by libopendkim: all right for postroad")

    def test_all_find_what_was_changed(self):
        for number in range(40):
            algorithm = list(ALGORITHMS)[number % 2]
            signed = self.ours_sign(message_of(number), algorithm, ("relaxed", "relaxed"))
            for changed in (signed + b"more\r\n", signed.replace(b"Ann <", b"Eve <"), b"Subject: another\r\n" + signed):
                self.assertEqual([one["result"] for one in self.ours_judge(changed)], ["fail"])
                self.assertFalse(dkim.verify(changed, dnsfunc=self.dns))
                self.assertNotEqual(self.other.verify(changed), "Success")

    def test_send_signs(self):
        done = postroad.run("send", "--dry-run", "-f", f"Jörg <j@{DOMAIN}>", "-t", "b@example.net", "--subject", "Grüße", "--text", "Straße\n\n",
                            "--dkim-key", self.keys["rsa-sha256"], "--dkim-selector", "rsa")
        self.assertEqual(done.returncode, 0, done.stderr)
        message = octets(done).split(b"\n\n", 1)[1]
        self.assertTrue(dkim.verify(message, dnsfunc=self.dns))
        self.assertEqual(self.other.verify(message), "Success")


if __name__ == "__main__":
    unittest.main(verbosity=2)
