# Parameters of a message (DSN, DELIVERBY, MT-PRIORITY, REQUIRETLS, SMTPUTF8, BINARYMIME) are sent unchanged to a smarthost that
# supports them, also after the server was killed between its 250 and the delivery. If the smarthost lacks the extension, optional
# parameters are left out, and required ones keep the message in the queue with the reason in the log. Also FUTURERELEASE, which
# this server applies itself.
import time
import unittest

import by_hand
from certificates import Certificates, client_context, server_context
import postroad

TEXT = b"Subject: options\r\n\r\nhello\r\n"
EVERYTHING = {"dsn": True, "deliver_by": True, "mt_priority": True, "binary_mime": True, "smtputf8": True, "chunking": True, "requiretls": True}
KNOWS = ("fake.example", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", "DELIVERBY 1", "MT-PRIORITY", "ENHANCEDSTATUSCODES")
MAIL = "MAIL FROM:<a@client.example> RET=HDRS ENVID=id+2B1+20x BY=3600;RT MT-PRIORITY=-4"
RCPT = ("RCPT TO:<one@elsewhere.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;first+2Btag@old.example",
        "RCPT TO:<two@elsewhere.example> NOTIFY=NEVER", "RCPT TO:<three@elsewhere.example>",
        "RCPT TO:<four@elsewhere.example> ORCPT=utf-8;j\\x{FC}rg@old.example")


def chunks(peer):
    """Answers as `converse` does, BDAT too; the bytes of the chunks are kept in `peer.octets`."""
    peer.octets = b""
    while True:
        line = peer.line()
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            peer.say("".join(f"250-{one}\r\n" for one in KNOWS[:-1]) + f"250 {KNOWS[-1]}\r\n")
        elif verb == "BDAT":
            size = int(line.split(" ")[1])
            while len(peer.rest) < size:
                octets = peer.socket.recv(65536)
                if not octets:
                    raise EOFError
                peer.rest += octets
            peer.octets, peer.rest = peer.octets + peer.rest[:size], peer.rest[size:]
            peer.say("250 2.0.0 Ok\r\n")
        elif verb == "DATA":
            peer.say("354 go on\r\n")
            peer.text()
            peer.say("250 2.0.0 Ok\r\n")
        else:
            peer.say("250 2.0.0 Ok\r\n" if verb != "QUIT" else "221 2.0.0 Bye\r\n")


class OptionsKept(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(cls.folder)
        cls.pair = cls.certificates.make("server")
        cls.users = cls.folder / "users"
        postroad.add_user(cls.users, "ann", "one")

    def host(self, ehlo=KNOWS, greeting="220 fake.example ESMTP"):
        def script(peer):
            peer.say(greeting + "\r\n")
            if greeting.startswith("220"):
                chunks(peer) if ehlo is KNOWS else by_hand.converse(peer, ehlo=ehlo)
        return self.enterContext(by_hand.FakeServer(script))

    def tls_host(self, extensions):
        """A smarthost with a valid certificate."""
        context = server_context(*self.pair)

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(context)
            by_hand.converse(peer, ehlo=("fake.example", *extensions))
        return self.enterContext(by_hand.FakeServer(script))

    def server(self, port, listener=None, delivery=None, **how):
        certificate, key = self.pair
        return self.enterContext(postroad.Server({
            "server": {"users": self.users}, "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
            "listener": [{"role": "mx", **EVERYTHING, "tls": "offered", "certificate": certificate, "key": key, **(listener or {})}],
            "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://localhost:{port}", **(delivery or {})},
            "retry": {"initial_delay": "50ms", "max_delay": "100ms"}},
            env={"SSL_CERT_FILE": str(self.certificates.ca)}, **how))

    def session(self, server, tls=False):
        session = self.enterContext(by_hand.Session(server.port))
        session.say("EHLO client.example")
        if tls:
            session.say("STARTTLS")
            session.starttls(client_context(self.certificates.ca))
            session.say("EHLO client.example")
        return session

    def submit(self, server, mail=MAIL, rcpts=RCPT, text=TEXT, tls=False, chunk=False):
        session = self.session(server, tls)
        for line in (mail, *rcpts):
            reply = session.say(line)
            self.assertTrue(reply.startswith("250"), (line, reply))
        if chunk:
            session.send(b"BDAT %d LAST\r\n" % len(text) + text)
            reply = session.reply()
        else:
            session.say("DATA")
            session.send(by_hand.stuffed(text))
            reply = session.reply()
        self.assertTrue(reply.startswith("250"), reply)

    def events(self, server, name, count=1):
        return postroad.eventually(lambda: (lambda e: e if len(e) >= count else None)(server.events(name)), server.process, name)

    def commands(self, host, verb):
        return [line for line in host.heard if line.startswith(verb)]

    def test_they_go_on_unchanged(self):
        host = self.host()
        server = self.server(host.port)
        self.submit(server)
        self.events(server, "recipient.delivered", 4)
        mail, = self.commands(host, "MAIL")
        self.assertRegex(mail, r"^MAIL FROM:<a@client\.example> RET=HDRS ENVID=id\+2B1\+20x BY=(3600|359\d);RT MT-PRIORITY=-4$")
        self.assertEqual(tuple(self.commands(host, "RCPT")), RCPT)

    # RFC 4954 §5: AUTH= of a client without a login is ignored; a logged-in client may name only itself.
    def test_the_submitter_is_believed_of_a_login_only(self):
        host = self.host((*KNOWS, "AUTH PLAIN"))
        server = self.server(host.port, listener={"auth": True})
        said = []
        for mail, login in (("AUTH=boss@here.example", False), ("AUTH=boss@here.example", True), ("AUTH=ann@here.example", True), ("AUTH=<>", True)):
            session = self.session(server, tls=True)
            if login:
                token = postroad.base64.b64encode(b"\0ann\0one").decode()
                self.assertTrue(session.say("AUTH PLAIN " + token).startswith("235"))
            for line in ("MAIL FROM:<ann@here.example> " + mail, RCPT[2]):
                self.assertTrue(session.say(line).startswith("250"), line)
            session.say("DATA")
            session.send(by_hand.stuffed(TEXT))
            self.assertTrue(session.reply().startswith("250"))
            self.events(server, "recipient.delivered", len(said) + 1)
            said.append(self.commands(host, "MAIL")[-1].split(" ")[-1])
        self.assertEqual(said, ["AUTH=<>", "AUTH=<>", "AUTH=ann@here.example", "AUTH=<>"])

    # Through two of our servers; each knows the extensions of the other.
    def test_they_go_on_unchanged_through_two_servers(self):
        host = self.host()
        second = self.server(host.port)
        first = self.server(second.port)
        self.submit(first)
        self.events(second, "recipient.delivered", 4)
        mail, = self.commands(host, "MAIL")
        self.assertRegex(mail, r"^MAIL FROM:<a@client\.example> RET=HDRS ENVID=id\+2B1\+20x BY=(3600|359\d);RT MT-PRIORITY=-4$")
        self.assertEqual(tuple(self.commands(host, "RCPT")), RCPT)

    # The server that accepted the message is killed, before it contacts the smarthost or after a deferral; the next one on its
    # folder sends the same parameters.
    def test_they_go_on_unchanged_after_a_kill(self):
        for before in ("silence", "421 not now"):
            with self.subTest(before=before):
                mood = [before]

                def script(peer):
                    if mood[0] == "silence":
                        return peer.line()
                    if mood[0]:
                        return peer.say(mood[0] + "\r\n")
                    peer.say("220 fake.example ESMTP\r\n")
                    return chunks(peer)
                host = self.enterContext(by_hand.FakeServer(script))
                server = self.server(host.port)
                self.submit(server)
                postroad.eventually(lambda: host.peers)
                if before != "silence":
                    self.events(server, "recipient.deferred", 4)
                server.kill()
                mood[0] = None
                server.start()
                self.events(server, "recipient.delivered", 4)
                mail, = self.commands(host, "MAIL")
                self.assertRegex(mail, r"^MAIL FROM:<a@client\.example> RET=HDRS ENVID=id\+2B1\+20x BY=(3600|35\d\d);RT MT-PRIORITY=-4$")
                self.assertEqual(tuple(self.commands(host, "RCPT")), RCPT)

    def test_smtputf8_and_addresses_in_it(self):
        host = self.host()
        server = self.server(host.port)
        rcpt = "RCPT TO:<用户@elsewhere.example> NOTIFY=FAILURE ORCPT=utf-8;jürg@old.example"
        self.submit(server, "MAIL FROM:<süß@client.example> SMTPUTF8 BODY=8BITMIME", [rcpt])
        self.events(server, "recipient.delivered")
        self.assertEqual(self.commands(host, "MAIL"), ["MAIL FROM:<süß@client.example> BODY=8BITMIME SMTPUTF8"])
        self.assertEqual(self.commands(host, "RCPT"), [rcpt])

    def test_binarymime_goes_on_as_it_is(self):
        text = b"Subject: octets\r\n\r\n" + bytes(range(256)) * 20 + b"\r\n.\r\n.\n\r\0"
        for kill in (False, True):
            host = self.host(greeting="421 not now" if kill else "220 fake.example ESMTP")
            server = self.server(host.port)
            self.submit(server, "MAIL FROM:<a@client.example> BODY=BINARYMIME", ["RCPT TO:<one@elsewhere.example>"], text, chunk=True)
            if kill:
                self.events(server, "recipient.deferred")
                server.kill()
                host.script = lambda peer: (peer.say("220 fake.example ESMTP\r\n"), chunks(peer))
                server.start()
            self.events(server, "recipient.delivered")
            self.assertEqual(self.commands(host, "MAIL"), ["MAIL FROM:<a@client.example> BODY=BINARYMIME"])
            peer = host.peers[-1]
            postroad.same_octets(self, postroad.take_field(peer.octets, b"Received")[1], text)

    def test_requiretls_goes_on(self):
        host = self.tls_host(["REQUIRETLS"])
        server = self.server(host.port)
        self.submit(server, "MAIL FROM:<a@client.example> REQUIRETLS", ["RCPT TO:<one@elsewhere.example>"], tls=True)
        self.events(server, "recipient.delivered")
        self.assertEqual(self.commands(host, "MAIL"), ["MAIL FROM:<a@client.example> REQUIRETLS"])

    def test_requiretls_is_not_offered_without_tls(self):
        host = self.host()
        session = self.session(self.server(host.port))
        self.assertNotIn("REQUIRETLS", session.say("EHLO client.example"))
        self.assertTrue(session.say("MAIL FROM:<a@client.example> REQUIRETLS").startswith("555"))

    # A required parameter is never dropped: the message stays, and is retried if the smarthost may change.
    def test_requiretls_keeps_the_mail_here(self):
        for host, reason in ((self.host(), "REQUIRETLS was requested, and the connection has no TLS"),
                             (self.tls_host([]), "REQUIRETLS was requested, and the server does not offer it")):
            for kill in (False, True):
                server = self.server(host.port)
                self.submit(server, "MAIL FROM:<a@client.example> REQUIRETLS", ["RCPT TO:<one@elsewhere.example>"], tls=True)
                event = self.events(server, "recipient.deferred")[0]
                self.assertIn(reason, event["note"])
                if kill:
                    server.restart()
                    seen = len(server.events("recipient.deferred"))
                    self.events(server, "recipient.deferred", seen + 1)
                self.stays(server)
                self.assertEqual(self.commands(host, "MAIL"), [])

    def stays(self, server):
        self.assertEqual(server.events("recipient.delivered"), [])
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.events("spool.closed")[-1]["left"], 1)

    def is_returned(self, server, host):
        """The sender is told, and nothing else went to the host."""
        self.assertEqual(self.events(server, "recipient.delivered")[0]["from"], "<>")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.events("spool.closed")[-1]["left"], 0)
        self.assertEqual(self.commands(host, "MAIL"), ["MAIL FROM:<>"])

    def test_deliverby_r_and_binarymime_are_not_left_out(self):
        for mail, keyword in (("MAIL FROM:<a@client.example> BY=3600;R", "DELIVERBY"), ("MAIL FROM:<a@client.example> BODY=BINARYMIME", "BINARYMIME")):
            host = self.host(("fake.example", "8BITMIME"))
            server = self.server(host.port)
            self.submit(server, mail, ["RCPT TO:<one@elsewhere.example>"], chunk=True)
            self.assertIn(keyword, self.events(server, "recipient.failed")[0]["note"])
            self.is_returned(server, host)

    # A server that needs longer than the remaining time (DELIVERBY).
    def test_deliverby_r_below_what_the_smarthost_can(self):
        host = self.host(("fake.example", "8BITMIME", "DELIVERBY 7200"))
        server = self.server(host.port)
        self.submit(server, "MAIL FROM:<a@client.example> BY=3600;R", ["RCPT TO:<one@elsewhere.example>"])
        self.assertIn("7200 seconds", self.events(server, "recipient.failed")[0]["note"])
        self.is_returned(server, host)

    def test_wishes_are_left_out_where_they_are_not_known(self):
        host = self.host(("fake.example", "8BITMIME"))
        server = self.server(host.port)
        self.submit(server, "MAIL FROM:<a@client.example> RET=FULL ENVID=x BY=3600;N MT-PRIORITY=9", RCPT)
        self.events(server, "recipient.delivered", 4)
        self.assertEqual(self.commands(host, "MAIL"), ["MAIL FROM:<a@client.example>"])
        self.assertEqual(self.commands(host, "RCPT"), [line.split(" NOTIFY")[0].split(" ORCPT")[0] for line in RCPT])

    def test_late_mail_is_given_up(self):
        host = self.host(greeting="421 not now")
        server = self.server(host.port)
        begin = time.monotonic()
        self.submit(server, "MAIL FROM:<a@client.example> BY=2;R", ["RCPT TO:<one@elsewhere.example>"])
        self.assertIn("5.4.7", self.events(server, "recipient.failed")[0]["note"])
        self.assertGreater(time.monotonic() - begin, 1.5)
        self.stays(server)
        # With mode N (notify) the message goes on late, with the remaining time, and its sender is told of the delay.
        host = self.host(greeting="421 not now")
        server = self.server(host.port)
        self.submit(server, "MAIL FROM:<a@client.example> BY=0;N", ["RCPT TO:<one@elsewhere.example>"])
        self.events(server, "recipient.deferred", 3)
        host.script = lambda peer: (peer.say("220 fake.example ESMTP\r\n"), chunks(peer))
        self.events(server, "recipient.delivered", 2)
        self.assertRegex("\n".join(self.commands(host, "MAIL")), r"(?m)BY=(0|-\d+);N$")
        self.assertIn("MAIL FROM:<>", self.commands(host, "MAIL"))

    def until(self, seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))

    def test_a_mail_is_held_until_its_time(self):
        for words, kill, least in (("HOLDFOR=2", False, 2.0), ("HOLDFOR=2", True, 2.0), ("HOLDUNTIL", True, 1.0)):
            with self.subTest(words=words, kill=kill):
                if words == "HOLDUNTIL":  # whole seconds
                    words += "=" + self.until(3)
                mail, delay = self.held(words, kill)
                self.assertGreaterEqual(delay, least)
                self.assertEqual(mail, "MAIL FROM:<ann@here.example>", "it was held here and is not held again")

    def test_a_time_that_is_over_holds_nothing(self):
        self.assertLess(self.held("HOLDUNTIL=2001-01-01T00:00:00Z", False)[1], 1.5)

    def test_how_long_a_mail_is_held(self):
        session = self.logged_in(self.submission(9, longest_hold="1h"))
        self.assertRegex(session.say("EHLO client.example"), r"(?m)^250-FUTURERELEASE 3600 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for words, answer in (("HOLDFOR=3600", "250"), ("HOLDFOR=3601", "501"), (f"HOLDUNTIL={self.until(3500)}", "250"),
                              (f"HOLDUNTIL={self.until(3700)}", "501"), ("HOLDUNTIL=9999-12-31T23:59:59Z", "501"), ("HOLDFOR=0", "501"), ("HOLDFOR=-1", "501")):
            self.assertTrue(session.say(f"MAIL FROM:<ann@here.example> {words}").startswith(answer), words)
            session.say("RSET")
        relay = self.session(self.server(9))
        self.assertNotIn("FUTURERELEASE", relay.say("EHLO client.example"))
        self.assertTrue(relay.say("MAIL FROM:<ann@here.example> HOLDFOR=2").startswith("555"))

    def submission(self, port, **listener):
        return self.server(port, {"role": "submission", "allow_auth_in_clear": True, "allow_any_sender": True, **listener})

    def logged_in(self, server):
        session = self.session(server)
        token = postroad.base64.b64encode(b"\0ann\0one").decode()
        self.assertTrue(session.say("AUTH PLAIN " + token).startswith("235"))
        return session

    def held(self, words, kill):
        """The MAIL that the smarthost received, and the time in seconds until the delivery."""
        host = self.host()
        server = self.submission(host.port)
        session = self.logged_in(server)
        begin = time.time()
        self.assertTrue(session.say(f"MAIL FROM:<ann@here.example> {words}").startswith("250"))
        for recipient in ("friend@elsewhere.example", "ann@here.example"):
            session.say(f"RCPT TO:<{recipient}>")
        session.say("DATA")
        session.send(TEXT + b".\r\n")
        self.assertTrue(session.reply().startswith("250"))
        if kill:
            server.restart()
        self.events(server, "recipient.delivered", 1)
        first = time.time() - begin
        self.events(server, "recipient.delivered", 2)
        mail, = self.commands(host, "MAIL")
        return mail, first


if __name__ == "__main__":
    unittest.main(verbosity=2)
