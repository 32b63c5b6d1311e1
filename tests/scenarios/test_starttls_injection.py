# Row 1 of guards.md, over real sockets: plaintext data behind STARTTLS is not used after the handshake. The server discards it; the
# client, which receives more than the 220, ends the session. Row 2: the plaintext EHLO reply is discarded.
import unittest

import by_hand
from certificates import Certificates, client_context, server_context
import postroad


class StarttlsInjection(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())
        certificates = Certificates(self.folder.path)
        self.ca = certificates.ca
        self.certificate, self.key = certificates.make("server")

    def test_row_1_server_discards_commands_sent_in_clear(self):
        listener = {"role": "catcher", "tls": "offered", "certificate": self.certificate, "key": self.key}
        with postroad.Server({"listener": [listener]}) as server, by_hand.Session(server.port) as session:
            self.assertIn("STARTTLS", session.say("EHLO client.example"))
            session.send("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<victim@x.example>\r\n")
            self.assertTrue(session.reply().startswith("220"))
            self.assertEqual(session.rest, b"")
            session.starttls(client_context(self.ca))
            # If the injected commands were executed, their replies would come first, or a transaction would be open.
            answer = session.say("NOOP")
            self.assertTrue(answer.startswith("250"), answer)
            ehlo = session.say("EHLO client.example")
            self.assertIn("PIPELINING", ehlo)
            self.assertNotIn("STARTTLS", ehlo)
            self.assertTrue(session.say("RCPT TO:<victim@x.example>").startswith("503"))
            self.assertTrue(session.say("DATA").startswith("503"))
            self.assertTrue(session.say("QUIT").startswith("221"))
            self.assertEqual(session.rest_until_end(), "")

    def test_row_1_server_forgets_the_transaction_begun_in_clear(self):
        listener = {"role": "catcher", "tls": "offered", "certificate": self.certificate, "key": self.key}
        with postroad.Server({"listener": [listener]}) as server, by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            session.starttls(client_context(self.ca))
            self.assertTrue(session.say("MAIL FROM:<a@client.example>").startswith("503"), "EHLO has to be said again")

    def send(self, port, *flags):
        return postroad.run("send", "--server", f"smtp://localhost:{port}", "--ca-file", self.ca, "--from", "a@client.example",
                            "--to", "b@x.example", "--text", "hi", "--trace", *flags)

    def test_row_1_client_ends_when_more_than_the_220_came(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n250 fake.example\r\n250 2.1.0 Ok\r\n")  # one packet: the rest is injected into the time after the handshake
            peer.starttls(server_context(self.certificate, self.key))
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            done = self.send(fake.port, "--require-tls")
        self.assertEqual(done.returncode, 76, done.stderr)
        self.assertRegex(done.stderr, r"localhost:\d+ STARTTLS: bytes follow the reply to STARTTLS before the handshake")
        self.assertFalse([line for line in fake.heard if line.startswith("MAIL")])

    def test_row_2_client_forgets_what_was_offered_in_clear(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "PIPELINING", "8BITMIME", "SIZE 10", "SMTPUTF8", "STARTTLS"), until="STARTTLS")
            peer.say("220 go on\r\n")
            peer.starttls(server_context(self.certificate, self.key))
            by_hand.converse(peer, ehlo=("fake.example", "HELP"))
        with by_hand.FakeServer(script) as fake:
            done = self.send(fake.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        mail, = [line for line in fake.heard if line.startswith("MAIL")]
        self.assertEqual(mail, "MAIL FROM:<a@client.example>")


if __name__ == "__main__":
    unittest.main(verbosity=2)
