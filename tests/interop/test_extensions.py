# The extensions with real peers: `postroad send` into Postfix and Exim, both as clients of our server, and in a chain, so that the
# far end shows the parameters that the near end sent. Every message is compared byte by byte. A test whose peer is not installed is
# skipped with the reason, except under CI.
import json
import re
import smtplib
import unittest

import peers
import postroad
from postroad import EIGHT_BIT_MESSAGE, HARD_MESSAGE, HOST, same_octets

FROM, TO = "sender@client.example", "reader@sink.example"
OPEN = "smtpd_relay_restrictions=permit_auth_destination,reject"
OPEN_TO_ALL = ("smtpd_recipient_restrictions=permit_auth_destination,reject", OPEN)
SIZE_LIMIT = 5_000_000


def marked(message, name):
    """`message` with a Message-ID of its own, by which the test finds it."""
    return re.sub(rb"Message-ID: <[^>]*>", f"Message-ID: <{name}@client.example>".encode(), message)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())

    def send(self, port, message, *flags, to=(TO,), sender=FROM, code=0):
        path = self.folder.write("whole.eml", message)
        done = postroad.run("send", "--server", f"smtp://{HOST}:{port}", "--helo", "client.example", "--no-tls", "--trace", "--from", sender,
                            "--data", path, *flags, *to)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr


class FromClient(Case):
    """Our client into Postfix: a plain smtpd, one that holds all messages, one that trusts XCLIENT, one behind a PROXY header."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postfix = cls.enterClassContext(peers.Postfix(
            settings=f"inet_protocols = all\nsmtpd_authorized_xclient_hosts = 127.0.0.1\nmessage_size_limit = {SIZE_LIMIT}\n"
                     "mailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n",
            services={"hold": ("smtpd_recipient_restrictions=check_recipient_access,static:hold,permit",),
                      "open": OPEN_TO_ALL,
                      "proxied": ("smtpd_upstream_proxy_protocol=haproxy", *OPEN_TO_ALL)}))
        cls.count = 0

    def arrived(self, name):
        type(self).count += 1
        found = [one for one in self.postfix.mails(self.count) if f"<{name}@client.example>".encode() in one]
        self.assertEqual(len(found), 1)
        return found[0]

    def held(self, trace):
        return self.postfix.queued(re.search(r"250 2\.0\.0 Ok: queued as (\w+)", trace).group(1))

    # CHUNKING

    def test_chunking(self):
        message = marked(HARD_MESSAGE, "chunking")
        trace = self.send(self.postfix.port, message, "--chunking", "preferred")
        self.assertEqual(sum(int(size) for size in re.findall(r"-> BDAT (\d+)", trace)), len(message))
        self.assertNotIn("> DATA", trace)
        same_octets(self, self.arrived("chunking"), message)

    def test_chunking_of_a_large_message(self):
        lines = b"".join(b"." * (number % 3) + b"line %d\r\n" % number for number in range(120_000))
        message = marked(HARD_MESSAGE, "large") + lines
        trace = self.send(self.postfix.port, message, "--chunking", "preferred")
        chunks = [int(size) for size in re.findall(r"BDAT (\d+)", trace)]  # a chunk may end within a line
        self.assertGreater(len(chunks), 3)
        self.assertEqual(sum(chunks), len(message))
        same_octets(self, self.arrived("large"), message)

    def test_chunking_without_a_line_end_at_the_end(self):
        message = marked(HARD_MESSAGE, "cut") + b".\r\n..\r\n.the last line"
        self.send(self.postfix.port, message, "--chunking", "preferred")
        same_octets(self, self.arrived("cut"), message + b"\r\n")

    def test_chunking_without_pipelining(self):
        message = marked(HARD_MESSAGE, "slow")
        self.send(self.postfix.port, message, "--chunking", "preferred", "--no-pipelining")
        same_octets(self, self.arrived("slow"), message)

    # 8BITMIME and SMTPUTF8

    def test_eight_bit(self):
        trace = self.send(self.postfix.ports["hold"], EIGHT_BIT_MESSAGE)
        self.assertRegex(trace, r"MAIL FROM:<sender@client\.example>.* BODY=8BITMIME")
        self.assertIn("8bit", self.held(trace))

    def test_utf8_addresses(self):
        message = EIGHT_BIT_MESSAGE.replace(b"Tester <sender@client.example>", "測試 <發件人@例子.example>".encode())
        trace = self.send(self.postfix.ports["hold"], message, sender="發件人@例子.example", to=("grüße@sink.example",))
        self.assertRegex(trace, r"MAIL FROM:<發件人@例子\.example>.* SMTPUTF8")
        held = self.held(trace)
        self.assertIn("sender: 發件人@例子.example\n", held)
        self.assertIn("recipient: grüße@sink.example\n", held)

    # DSN

    def test_dsn(self):
        trace = self.send(self.postfix.ports["hold"], HARD_MESSAGE, "--notify", "SUCCESS,DELAY", "--dsn-return", "HDRS", "--envelope-id", "order+1=2",
                          "--original-recipient", "rfc822;ben+tag@first.example")
        self.assertIn("RET=HDRS ENVID=order+2B1+3D2", trace)
        self.assertIn("NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ben+2Btag@first.example", trace)
        held = self.held(trace)
        self.assertIn("envelope_id=order+1=2\n", held)
        self.assertIn("notify_flags=10\n", held)  # 2 success, 8 delay
        self.assertIn("ret_flags=2\n", held)  # headers only
        self.assertIn("dsn_orig_rcpt=rfc822;ben+tag@first.example\n", held)

    def test_dsn_never(self):
        trace = self.send(self.postfix.ports["hold"], HARD_MESSAGE, "--notify", "NEVER", "--dsn-return", "FULL")
        held = self.held(trace)
        self.assertIn("notify_flags=1\n", held)
        self.assertIn("ret_flags=1\n", held)

    # XCLIENT and the PROXY header: Postfix's log names the client.

    def test_xclient(self):
        words = ("ADDR=192.0.2.7", "NAME=behind.example", "PORT=4711", "LOGIN=anna", "HELO=their.example")
        trace = self.send(self.postfix.ports["open"], marked(HARD_MESSAGE, "xclient"), *(flag for word in words for flag in ("--xclient", word)))
        self.assertRegex(trace, r"XCLIENT .*ADDR=192\.0\.2\.7")
        self.postfix.logged(r"client=behind\.example\[192\.0\.2\.7\].*sasl_username=anna")
        self.arrived("xclient")

    def test_xclient_of_ipv6(self):
        self.send(self.postfix.ports["open"], marked(HARD_MESSAGE, "xclient6"), "--xclient", "ADDR=IPv6:2001:db8::7")
        self.postfix.logged(r"client=\S*\[2001:db8::7\]")
        self.arrived("xclient6")

    def test_proxy_header(self):
        clients = ("v1", "192.0.2.11"), ("v2", "192.0.2.12"), ("v1", "2001:db8::11"), ("v2", "2001:db8::12")
        for number, (version, client) in enumerate(clients):
            words = f"{version} {client} 4711 {'2001:db8::2' if ':' in client else '192.0.2.2'} 25"
            with self.subTest(words):
                message = marked(HARD_MESSAGE, f"proxy{number}")
                self.send(self.postfix.ports["proxied"], message, "--proxy-header", words)
                self.postfix.logged(rf"client=\S*\[{re.escape(client)}\]")
                same_octets(self, self.arrived(f"proxy{number}"), message)

    # SIZE

    def test_size(self):
        message = HARD_MESSAGE + b"filling of a line\r\n" * (SIZE_LIMIT // 19 + 1)
        trace = self.send(self.postfix.port, message, code=69)
        self.assertIn(f"SIZE {SIZE_LIMIT}", trace)
        self.assertNotIn("DATA", trace)
        # Without SIZE the server refuses the message after its data.
        for flags in ((), ("--chunking", "preferred")):
            with self.subTest(flags):
                trace = self.send(self.postfix.port, message, "--ignore", "SIZE", *flags, code=69)
                self.assertIn("552 5.3.4", trace)


class IntoServer(Case):
    """Postfix as the client of our server, by SMTP and by LMTP; our server relays to a second Postfix, which holds the message."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.far = cls.enterClassContext(peers.Postfix(settings="smtpd_recipient_restrictions = check_recipient_access static:hold, permit\n"))
        domains = ["test.example", "lmtp.example", "silent.example"]
        mx = {"role": "mx", "relay_from": ["127.0.0.0/8"]}
        cls.server = postroad.Server({
            "local": {"domains": domains, "mailboxes": ["reader", "second", "grüße"]},
            "delivery": {"smarthost": f"smtp://{HOST}:{cls.far.port}"},
            "listener": [{**mx, "dsn": True}, {**mx, "lmtp": True}, {**mx, "dsn": False}]}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        smtp, lmtp, silent = cls.server.ports
        ways = {"test.example": f"smtp:[{HOST}]:{smtp}", "far.example": f"smtp:[{HOST}]:{smtp}", "lmtp.example": f"lmtp:inet:[{HOST}]:{lmtp}",
                "silent.example": f"smtp:[{HOST}]:{silent}"}
        cls.near = cls.enterClassContext(peers.Postfix(
            settings="transport_maps = inline:{ " + ", ".join(f"{{ {domain} = {way} }}" for domain, way in ways.items()) + " }\n"))

    def setUp(self):
        self.seen = {mail.path for mail in self.server.mails()}

    def arrived(self, count=1):
        mails = [mail for mail in self.server.wait_mail(len(self.seen) + count) if mail.path not in self.seen]
        self.assertEqual(len(mails), count)
        return mails

    def hand_in(self, message, recipients, sender=FROM, mail_options=(), rcpt_options=()):
        """Sends by smtplib into the near Postfix; returns the message's queue id there."""
        with smtplib.SMTP(HOST, self.near.port, "client.example", timeout=30) as smtp:
            smtp.ehlo()
            smtp.command_encoding = "utf-8"
            smtp.mail(sender, mail_options)
            for recipient in recipients:
                self.assertEqual(smtp.rcpt(recipient, rcpt_options)[0], 250)
            code, text = smtp.data(message)
            self.assertEqual(code, 250, text)
            return re.search(rb"queued as (\w+)", text).group(1).decode()

    def check(self, mail, message):
        _, rest = postroad.take_field(mail.message, b"Received")  # the near Postfix's
        same_octets(self, rest, message)

    def at_the_far_end(self, queue_id):
        """The far Postfix's copy of a message that the near one sent to our server."""
        ours = self.near.logged(rf"{queue_id}: to=<.*status=sent \((.*)\)").group(1)
        self.assertTrue(ours.startswith("250 2"), ours)
        message_id = re.search(rf"{queue_id}: message-id=(\S+)", self.near.log).group(1)
        return self.far.queued(self.far.logged(rf"(\w+): message-id={re.escape(message_id)}\n").group(1))

    def test_eight_bit(self):
        self.hand_in(EIGHT_BIT_MESSAGE, ["reader@test.example"], mail_options=["BODY=8BITMIME"])
        mail, = self.arrived()
        self.check(mail, EIGHT_BIT_MESSAGE)

    def test_utf8_addresses(self):
        sender = "發件人@例子.example"
        message = EIGHT_BIT_MESSAGE.replace(b"Tester <sender@client.example>", f"測試 <{sender}>".encode())
        self.hand_in(message, ["grüße@test.example"], sender, ["SMTPUTF8", "BODY=8BITMIME"])
        mail, = self.arrived()
        self.check(mail, message)
        self.assertEqual((mail.return_path.decode(), mail.delivered_to.decode()), (f"<{sender}>", "grüße@test.example"))

    def test_utf8_addresses_go_on(self):
        sender = "發件人@例子.example"
        message = marked(EIGHT_BIT_MESSAGE, "utf8-far").replace(b"Tester <sender@client.example>", f"測試 <{sender}>".encode())
        held = self.at_the_far_end(self.hand_in(message, ["grüße@far.example"], sender, ["SMTPUTF8", "BODY=8BITMIME"]))
        self.assertIn(f"sender: {sender}\n", held)
        self.assertIn("recipient: grüße@far.example\n", held)

    def test_dsn_goes_on(self):
        queue_id = self.hand_in(marked(HARD_MESSAGE, "dsn-far"), ["ben@far.example"], mail_options=["RET=HDRS", "ENVID=order+2B1+3D2"],
                                rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;ben+2Btag@first.example"])
        held = self.at_the_far_end(queue_id)
        self.assertIn("envelope_id=order+1=2\n", held)
        self.assertIn("ret_flags=2\n", held)  # headers only
        self.assertIn("notify_flags=10\n", held)  # 2 success, 8 delay
        self.assertIn("dsn_orig_rcpt=rfc822;ben+tag@first.example\n", held)

    def test_without_dsn_the_peer_reports_by_itself(self):
        # A listener without DSN: Postfix must conclude that the sender gets no report from here, and write one.
        self.hand_in(marked(HARD_MESSAGE, "silent"), ["reader@silent.example"], TO, rcpt_options=["NOTIFY=SUCCESS"])
        self.arrived()
        report, = self.near.mails(1)
        self.assertIn(b"Action: relayed\r\n", report)

    def test_lmtp(self):
        queue_id = self.hand_in(HARD_MESSAGE, ["reader@lmtp.example", "second@lmtp.example", "nobody@lmtp.example"])
        mails = self.arrived(2)
        for mail in mails:
            self.check(mail, HARD_MESSAGE)
            self.assertIn(b"with LMTP", mail.received)
        self.assertEqual({mail.delivered_to.decode() for mail in mails}, {"reader@lmtp.example", "second@lmtp.example"})
        for name in ("reader", "second"):
            self.near.logged(rf"{queue_id}: to=<{name}@lmtp\.example>.* dsn=2\.\d\.\d, status=sent \(250 2")
        self.near.logged(rf"{queue_id}: to=<nobody@lmtp\.example>.* dsn=5\.1\.1, status=bounced")


class Exim(Case):
    """CHUNKING and PRDR in both directions: Exim supports both, as a server and as a client."""

    def large(self):
        return marked(HARD_MESSAGE, "large") + b"".join(b"." * (number % 3) + b"line %d\r\n" % number for number in range(60_000))

    def test_chunking_from_exim(self):
        with postroad.Server({"local": {"domains": ["test.example"], "mailboxes": ["reader"]}, "listener": [{"role": "mx"}]}) as server:
            with peers.Exim(server.port) as exim:
                for count, message in enumerate((HARD_MESSAGE, self.large()), 1):
                    with self.subTest(octets=len(message)):
                        trace = exim.hand_in(message, FROM, ["reader@test.example"])
                        self.assertIn(" BDAT ", trace)
                        self.assertNotIn(" DATA", trace)
                        server.wait_mail(count)
                        mail = max(server.mails(), key=lambda one: len(one.message)) if count == 2 else server.mails()[0]
                        same_octets(self, postroad.take_field(mail.message, b"Received")[1], message)

    def test_prdr_from_exim(self):
        with postroad.Server({"local": {"domains": ["test.example"], "mailboxes": ["reader", "second"]},
                              "listener": [{"role": "mx", "prdr": True, "chunking": chunking} for chunking in (True, False)]}) as server:
            for count, port in enumerate(server.ports, 1):
                with self.subTest(count), peers.Exim(port) as exim:
                    trace = exim.hand_in(HARD_MESSAGE, FROM, ["reader@test.example", "second@test.example", "nobody@test.example"])
                    self.assertRegex(trace, r"MAIL FROM:<sender@client\.example>.* PRDR")
                    self.assertRegex(exim.log, r"=> reader@test\.example .*250 2\.0\.0")
                    self.assertRegex(exim.log, r"[-=]> second@test\.example .*250 2\.0\.0")
                    self.assertRegex(exim.log, r"\*\* nobody@test\.example .*550 5\.1\.1")
                    for mail in server.wait_mail(2 * count):
                        same_octets(self, postroad.take_field(mail.message, b"Received")[1], HARD_MESSAGE)

    def test_chunking_into_exim(self):
        with peers.Exim() as exim:
            for count, message in enumerate((HARD_MESSAGE, self.large(), marked(HARD_MESSAGE, "cut") + b".\r\n.the last line"), 1):
                with self.subTest(octets=len(message)):
                    trace = self.send(exim.port, message, "--chunking", "preferred")
                    self.assertIn("-> BDAT ", trace)
                    self.assertIn(message if message.endswith(b"\r\n") else message + b"\r\n", exim.mails(count))

    def test_prdr_into_exim(self):
        with peers.Exim() as exim:
            for count, flags in enumerate(((), ("--chunking", "preferred"), ("--no-pipelining",)), 1):
                with self.subTest(flags):
                    path = self.folder.write("whole.eml", HARD_MESSAGE)
                    done = postroad.run("send", "--server", f"smtp://{HOST}:{exim.port}", "--helo", "client.example", "--no-tls", "--trace", "--json",
                                        "--data", path, *flags, TO, "full@sink.example")
                    self.assertEqual(done.returncode, 69, done.stdout + done.stderr)
                    self.assertIn(" PRDR", done.stderr)
                    self.assertIn("353 ", done.stderr)
                    outcomes = {one["address"]: (one["outcome"], one["code"]) for one in json.loads(done.stdout)["recipients"]}
                    self.assertEqual(outcomes, {TO: ("accepted", 250), "full@sink.example": ("refused", 550)})
                    for mail in exim.mails(count):
                        same_octets(self, mail, HARD_MESSAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
