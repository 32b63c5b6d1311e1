# Rows 32 and 44 of guards.md: hundreds of clients that are idle, send one byte and stop, stop in the middle of message data, or
# never read a reply do not delay a good client, and cost bounded memory.
import pathlib
import re
import time
import unittest

import by_hand
import postroad

CROWD = 200
MESSAGE = b"Subject: good\r\n\r\nhello\r\n"


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


class SlowClients(unittest.TestCase):
    def good_client(self, server, name):
        begin = time.monotonic()
        with by_hand.Session(server.port, timeout=10) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@client.example", [f"{name}@x.example"], MESSAGE).startswith("250"))
            session.say("QUIT")
        self.assertLess(time.monotonic() - begin, 10)

    def crowd(self, server, behave, count=CROWD, **how):
        for _ in range(count):
            session = self.enterContext(by_hand.Session(server.port, **how))
            behave(session)

    def test_row_32_idle_and_slow_sessions(self):
        with postroad.Server({"listener": [{}], "server": {"threads": 2}, "limits": {"drain": "1s"}}) as server:
            before = resident(server.pid)

            def in_data(session):
                for line in ("EHLO client.example", "MAIL FROM:<slow@client.example>", "RCPT TO:<slow@x.example>", "DATA"):
                    session.say(line)
                session.send("Subject: slow\r\n\r\nhalf a li")
            self.crowd(server, lambda session: None)
            self.good_client(server, "one")
            self.crowd(server, lambda session: session.send("E"))
            self.good_client(server, "two")
            self.crowd(server, in_data)
            self.good_client(server, "three")
            grown = resident(server.pid) - before
            # 600 sessions, of which 200 hold a chunk of a message (64 KiB) at most.
            self.assertLess(grown, 64 * 1024, f"grown by {grown} KiB")
            self.assertEqual(sorted(mail.mailbox for mail in server.wait_mail(3)), ["one@x.example", "three@x.example", "two@x.example"])

    def test_row_44_answers_nobody_reads(self):
        # Small buffers, so that the server's replies pile up; it must stop reading, not store them.
        with postroad.Server({"listener": [{}], "limits": {"errors": 1_000_000, "drain": "1s"}}) as server:
            before = resident(server.pid)

            def never_reads(session):
                session.socket.setblocking(False)
                try:
                    while True:
                        session.socket.send(b"HELP\r\n" * 2000)
                except BlockingIOError:
                    pass
            self.crowd(server, never_reads, count=20, receive_buffer=4096)
            self.good_client(server, "good")
            grown = resident(server.pid) - before
            self.assertLess(grown, 64 * 1024, f"grown by {grown} KiB")

    def test_a_large_message_is_streamed(self):
        # A session's memory does not grow with its message: 200 MB pass through it, with a few MB in memory at most.
        with postroad.Server({"listener": [{}], "limits": {"message_size": "500MiB"}}) as server, by_hand.Session(server.port) as session:
            before = resident(server.pid)
            for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@x.example>", "DATA"):
                session.say(line)
            block = b"0123456789" * 7 + b"\r\n"
            session.send(b"Subject: large\r\n\r\n")
            for _ in range(200):
                session.send(block * 14_000)
            grown = resident(server.pid) - before
            session.send(b".\r\n")
            self.assertRegex(session.reply(), "^250 ")
            mail, = server.wait_mail(1)
            self.assertGreater(mail.path.stat().st_size, 200 * 14_000 * len(block))
            self.assertLess(grown, 32 * 1024, f"grown by {grown} KiB")

    def test_row_32_endless_line_and_endless_recipients(self):
        with postroad.Server({"listener": [{}], "limits": {"recipients": 100, "errors": 20}}) as server:
            before = resident(server.pid)
            with by_hand.Session(server.port) as session:
                session.say("EHLO client.example")
                for _ in range(200):
                    session.send(b"x" * 65536)
                session.send(b"\r\n")
                self.assertTrue(session.reply().startswith("500"))
                self.assertTrue(session.say("MAIL FROM:<a@client.example>").startswith("250"))
                answers = [session.say(f"RCPT TO:<r{i}@x.example>")[:9] for i in range(105)]
                self.assertEqual(answers, ["250 2.1.5"] * 100 + ["452 4.5.3"] * 5)
            with by_hand.Session(server.port) as session:
                answers = session.send(b"NONSENSE\r\n" * 1000) or session.rest_until_end()
                self.assertRegex(answers, r"421 4\.7\.0 .*too many errors, closing connection\r\n$")
            self.good_client(server, "good")
            self.assertLess(resident(server.pid) - before, 32 * 1024)

    def test_row_43_a_slow_command_meets_its_deadline(self):
        # A byte now and then does not move the deadline of the command.
        with postroad.Server({"listener": [{}], "limits": {"command": "1s"}}) as server, by_hand.Session(server.port) as session:
            session.socket.settimeout(0.2)
            answer = b""
            for _ in range(100):
                try:
                    session.socket.send(b"N")
                    answer = session.socket.recv(4096)
                except TimeoutError:
                    continue
                except OSError:
                    pass
                break
            self.assertIn(b"421 4.4.2", answer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
