# Row 36 of guards.md: the Received fields reveal a mail loop, and the reply is 554; a long path is not a loop.
import socket
import unittest

import by_hand
import postroad


class MailLoop(unittest.TestCase):
    def hops(self, count, server):
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            text = b"".join(b"received: from a%d by b\r\n\twith SMTP\r\n" % i for i in range(count)) + b"Subject: x\r\n\r\nReceived: no\r\n"
            return session.mail("a@b.example", ["c@x.example"], text)

    def test_row_36_hops(self):
        with postroad.Server() as server:
            self.assertTrue(self.hops(100, server).startswith("250"))
            self.assertRegex(self.hops(101, server), r"^554 5\.4\.6 too many hops \(more than 100 Received fields\): mail loop")
            self.assertEqual(len(server.wait_mail(1)), 1)
            self.assertEqual(postroad.eventually(lambda: server.events("message.refused"))[0]["reply"][:9], "554 5.4.6")

    # Two servers, each the smarthost of the other: the message ends in a refusal.
    def test_row_36_two_servers_that_send_to_each_other(self):
        ports = []
        for _ in range(2):
            with socket.create_server((postroad.HOST, 0)) as free:
                ports.append(free.getsockname()[1])
        servers = [self.enterContext(postroad.Server({
            "listener": [{"role": "mx", "port": ports[i]}], "local": {"domains": [f"d{i}.example"], "aliases": [
                f"x: x@d{1 - i}.example", "postmaster: keeper"], "mailboxes": ["keeper"]},
            "delivery": {"smarthost": f"smtp://127.0.0.1:{ports[1 - i]}"}})) for i in range(2)]
        with by_hand.Session(ports[0]) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["x@d0.example"], b"Subject: round\r\n\r\nx\r\n").startswith("250"))
        postroad.eventually(lambda: any(server.events("message.refused") for server in servers))
        taken = sum(len(server.events("message.accepted")) for server in servers)
        self.assertEqual(taken, 101)


if __name__ == "__main__":
    unittest.main(verbosity=2)
