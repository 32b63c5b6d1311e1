# Each limit of one client and of the whole server: the reply to the client and the log line. Loopback is exempt by default, so no
# server here has exempt clients. `test_limits.py --table` prints each reply with its log line.
import re
import socket
import sys
import time
import unittest

import by_hand
import postroad

TEXT = b"Subject: limits\r\n\r\nhello\r\n"
SEEN = []  # (limit, reply to the client, log line)


class Limits(unittest.TestCase):
    maxDiff = None

    def server(self, clients=None, logins=None, listener=None, **settings):
        listener = {"role": "mx", **(listener or {})}
        return self.enterContext(postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann"]}, "listener": [listener],
            "clients": {"exempt": [], **(clients or {})}, "logins": logins or {}, **settings}))

    def told(self, server, limit, reply, name="client.limited", field="limit"):
        """The event of the limit, which must contain the reply verbatim."""
        event = postroad.eventually(lambda: next((e for e in server.events(name) if e[field] == limit), None))
        self.assertTrue(event["client"].startswith("[127.0.0.1]:"))
        if "reply" in event:
            self.assertEqual(event["reply"], reply.strip().replace("\r\n", " "))
        SEEN.append((limit, reply.strip(), event["text"]))

    def refused(self, server, limit, pattern, reply):
        self.assertRegex(reply, pattern)
        self.told(server, limit, reply)

    def session(self, server, **how):
        session = self.enterContext(by_hand.Session(server.port, **how))
        return session

    def greeted(self, server):
        session = self.session(server)
        self.assertTrue(session.greeting.startswith("220"), session.greeting)
        session.say("EHLO client.example")
        return session

    def test_sessions_at_once(self):
        server = self.server({"sessions": 3})
        held = [self.greeted(server) for _ in range(3)]
        fourth = self.session(server)
        self.refused(server, "sessions", r"^421 4\.7\.0 mail\.test\.example too many sessions from your address", fourth.greeting)
        self.assertEqual(fourth.rest_until_end(), "")
        for session in held:  # the old ones go on
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
        held[0].say("QUIT")
        self.assertEqual(held[0].rest_until_end(), "")
        postroad.eventually(lambda: len(server.events("session.closed")) >= 1)
        self.greeted(server)

    def test_connections(self):
        server = self.server({"connections": "3/h"})
        for _ in range(3):
            self.greeted(server)
        self.refused(server, "connections", r"^421 4\.7\.0 \S+ too many connections from your address", self.session(server).greeting)

    def test_messages(self):
        server = self.server({"messages": "2/h"})
        session = self.greeted(server)
        for _ in range(2):
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
        self.refused(server, "messages", r"^450 4\.7\.1 too many messages from you", session.say("MAIL FROM:<a@b.example>"))
        self.assertTrue(session.say("NOOP").startswith("250"), "the session goes on")

    def test_recipients(self):
        server = self.server({"recipients": "3/h"})
        session = self.greeted(server)
        session.say("MAIL FROM:<a@b.example>")
        self.assertEqual([session.say(f"RCPT TO:<ann+{i}@here.example>")[:3] for i in range(3)], ["250"] * 3)
        self.refused(server, "recipients", r"^450 4\.7\.1 too many recipients from you", session.say("RCPT TO:<ann@here.example>"))
        self.assertTrue(session.say("DATA").startswith("354"), "those that were taken get it")
        session.send(TEXT + b".\r\n")
        self.assertTrue(session.reply().startswith("250"))

    # A client may send all its RCPTs before it reads a reply, but not without end.
    def test_recipients_beyond_the_overshoot_are_errors(self):
        session = self.greeted(self.server(limits={"recipients": 1, "recipient_overshoot": 2, "errors": 1}))
        session.say("MAIL FROM:<a@b.example>")
        replies = [session.say(f"RCPT TO:<ann+{i}@here.example>") for i in range(5)]
        self.assertEqual([reply[:3] for reply in replies], ["250", "452", "452", "452", "452"])
        self.assertRegex(session.rest_until_end(), r"^421 4\.7\.0 .*too many errors")

    def test_bytes(self):
        server = self.server({"bytes": "100/h"})
        session = self.greeted(server)
        self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT + b"x" * 200 + b"\r\n").startswith("250"))
        self.refused(server, "bytes", r"^450 4\.7\.1 message volume limit exceeded, try again later", session.say("MAIL FROM:<a@b.example>"))

    def test_bytes_of_messages_that_broke_off_or_were_refused(self):
        for end in (b"", b"bare\nline\r\n.\r\n"):
            server = self.server({"bytes": "1KiB/h"})
            session = self.greeted(server)
            for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<ann@here.example>", "DATA"):
                session.say(line)
            session.send(b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 1000 + end)
            if end:
                self.assertTrue(session.reply().startswith("554"))
                self.assertEqual(server.events("message.refused")[0]["reply"][:3], "554")
            session.socket.close()
            postroad.eventually(lambda: server.events("session.closed"))
            self.assertRegex(self.greeted(server).say("MAIL FROM:<a@b.example>"), r"^450 4\.7\.1 message volume limit exceeded")

    # A message that is too large is read and discarded, but only for a limited time.
    def test_row_32_an_endless_text(self):
        server = self.server(limits={"message_size": "1KiB"})
        session = self.greeted(server)
        for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<ann@here.example>", "DATA"):
            session.say(line)
        with self.assertRaises(OSError):
            for _ in range(200_000):  # the server reads on for two seconds, so that the client can read the reason
                session.send((b"z" * 70 + b"\r\n") * 1000)
        closed = postroad.eventually(lambda: server.events("session.closed"))
        self.assertEqual(closed[0]["ending"], "refused")

    # RCPT reveals only a limited number of names, however many sessions are open.
    def test_row_35_harvest(self):
        server = self.server({"errors": "30/h"})
        sessions = [self.greeted(server) for _ in range(10)]
        answers = []
        for session in sessions:
            session.say("MAIL FROM:<a@b.example>")
        for i in range(15):
            for session in sessions:
                try:
                    answers.append(session.say(f"RCPT TO:<name{i}@here.example>")[:3])
                except (EOFError, OSError):
                    pass
        self.assertLessEqual(answers.count("550"), 42)
        self.assertEqual(answers.count("421"), 10)

    # A client over its limit must not occupy the server's sessions while it is refused.
    def test_row_32_one_client_over_its_limit_leaves_room_for_others(self):
        server = self.server({"connections": "5/h", "exempt": ["127.0.0.1"]}, server={"sessions": 30})
        crowd = []
        for _ in range(200):
            line = socket.socket()
            line.bind(("127.0.0.2", 0))
            line.connect((postroad.HOST, server.port))
            crowd.append(line)
        for _ in range(5):
            self.assertTrue(self.greeted(server).say("NOOP").startswith("250"))
        for line in crowd:
            line.close()

    def test_errors(self):
        server = self.server({"errors": "10/h"})
        session = self.greeted(server)
        for _ in range(12):
            session.say("NONSENSE")
        session.say("QUIT")
        session.rest_until_end()
        postroad.eventually(lambda: server.events("session.closed"))
        self.refused(server, "errors", r"^421 4\.7\.0 \S+ too many errors from your address", self.session(server).greeting)

    def test_row_48_lookups(self):
        server = self.server({"lookups": "2/h"}, listener={"vrfy": True, "expn": True})
        session = self.greeted(server)
        self.assertTrue(session.say("VRFY ann").startswith("250"))
        self.assertTrue(session.say("EXPN nobody").startswith("550"))
        self.refused(server, "lookups", r"^450 4\.7\.1 too many lookups from you", session.say("VRFY ann"))

    def guesser(self, clients, logins):
        folder = self.enterContext(postroad.Folder())
        users = folder.path / "users"
        postroad.add_user(users, "ann", "the right one")
        return self.server(clients, logins, {"role": "submission", "allow_auth_in_clear": True}, server={"users": users},
                           limits={"auth_attempts": 100, "errors": 100})

    def guess(self, session, user, password):
        return session.say("AUTH PLAIN " + postroad.base64.b64encode(f"\0{user}\0{password}".encode()).decode())

    def test_failed_logins_of_an_address(self):
        server = self.guesser({"failed_logins": "3/h"}, {})
        session = self.greeted(server)
        for i in range(3):
            self.assertRegex(self.guess(session, f"user{i}", "wrong"), "^535 5.7.8")
        reply = self.guess(session, "ann", "the right one")
        self.refused(server, "failed_logins", r"^421 4\.7\.0 \S+ too many failed logins", reply)
        self.assertEqual(session.rest_until_end(), "")

    # Only addresses that have guessed are refused.
    def test_failed_logins_of_a_login(self):
        server = self.guesser({}, {"failed_logins": "3/h"})
        for _ in range(3):
            self.assertRegex(self.guess(self.greeted(server), "ann", "wrong"), "^535 5.7.8")
        self.assertRegex(self.guess(self.greeted(server), "ann", "the right one"), r"^421 4\.7\.0 ")
        other = self.session(server, source="127.0.0.3")
        other.say("EHLO client.example")
        self.assertRegex(self.guess(other, "ann", "the right one"), "^235")

    def test_messages_of_a_login(self):
        server = self.guesser({}, {"messages": "1/h"})
        for expected in ("250", "450 4.7.1 too many messages"):
            session = self.greeted(server)
            self.assertRegex(self.guess(session, "ann", "the right one"), "^235")
            self.assertTrue(session.say("MAIL FROM:<ann@here.example>").startswith(expected))

    def test_sessions_connections_and_errors_of_a_login(self):
        server = self.guesser({}, {"sessions": 1, "connections": "3/h", "errors": "2/h"})

        def log_in():
            session = self.greeted(server)
            return session, self.guess(session, "ann", "the right one")
        first, reply = log_in()
        self.assertRegex(reply, "^235")
        self.refused(server, "sessions", r"^421 4\.7\.0 \S+ too many sessions of this login", log_in()[1])
        for _ in range(3):
            first.say("NONSENSE")
        first.say("QUIT")
        first.rest_until_end()
        postroad.eventually(lambda: any(event["login"] == "ann" for event in server.events("session.closed")))
        _, reply = log_in()
        self.assertRegex(reply, r"^421 4\.7\.0 \S+ too many errors of this login")
        event = postroad.eventually(lambda: next((e for e in server.events("client.limited") if e["limit"] == "errors"), None))
        self.assertEqual(event["login"], "ann")

    def test_connections_of_a_login_that_loopback_is_not_exempt_from(self):
        server = self.guesser({"exempt": ["127.0.0.0/8"]}, {"connections": "2/h"})
        replies = []
        for _ in range(3):
            session = self.greeted(server)
            replies.append(self.guess(session, "ann", "the right one"))
        self.assertEqual([reply[:3] for reply in replies], ["235", "235", "421"])
        self.refused(server, "connections", r"^421 4\.7\.0 \S+ too many connections of this login", replies[-1])

    def test_address_that_is_not_served(self):
        server = self.server(listener={"only_from": ["192.0.2.0/24"]})
        self.refused(server, "address", r"^554 5\.7\.1 \S+ does not serve your address", self.session(server).greeting)

    def test_a_listener_relays_for_networks_of_its_own(self):
        server = self.server(delivery={"smarthost": "smtp://127.0.0.1:9"})
        self.assertRegex(self.relayed(server), "^550 5.7.1")
        self.assertRegex(self.relayed(self.server(listener={"relay_from": ["127.0.0.1"]}, delivery={"smarthost": "smtp://127.0.0.1:9"})), "^250")

    def relayed(self, server):
        session = self.greeted(server)
        session.say("MAIL FROM:<a@b.example>")
        return session.say("RCPT TO:<c@elsewhere.example>")

    def ended(self, server, limit, ending, reply):
        event = postroad.eventually(lambda: next((e for e in server.events("session.closed") if e["ending"] == ending), None))
        SEEN.append((limit, reply.strip(), event["text"]))

    def test_deadline_of_a_command(self):
        server = self.server(limits={"command": "1s"})
        reply = self.greeted(server).rest_until_end()
        self.assertRegex(reply, r"^421 4\.4\.2 \S+ timeout, closing connection\r\n$")
        self.ended(server, "limits.command", "timeout", reply)

    # One recipient at a time, slowly: each command is in time, the transaction is not.
    def test_deadline_of_a_transaction(self):
        server = self.server({"recipients": "none"}, limits={"command": "20s", "transaction": "1s"})
        session = self.greeted(server)
        session.say("MAIL FROM:<a@b.example>")
        begin = time.monotonic()
        while time.monotonic() - begin < 15:
            reply = session.say("RCPT TO:<ann@here.example>")
            if not reply.startswith("250"):
                break
        self.assertRegex(reply, r"^421 4\.4\.2 \S+ timeout, closing connection")
        self.ended(server, "limits.transaction", "timeout", reply)

    def test_limits_of_a_session(self):
        server = self.server(limits={"errors": 3, "recipients": 2, "command_line": "1KiB"})
        session = self.greeted(server)
        session.say("MAIL FROM:<a@b.example>")
        self.assertEqual([session.say(f"RCPT TO:<ann+{i}@here.example>")[:9] for i in range(3)], ["250 2.1.5", "250 2.1.5", "452 4.5.3"])
        self.assertRegex(session.say("x" * 2000), r"^500 5\.5\.2 command line too long \(limit 1024 bytes\)")
        # The 452 is not an error (RFC 5321 section 4.5.3.1.10).
        session.say("NONSENSE")
        session.say("NONSENSE")
        reply = session.say("NONSENSE") + session.rest_until_end()
        self.assertRegex(reply, r"421 4\.7\.0 \S+ too many errors, closing connection")
        self.ended(server, "limits.errors", "too_many_errors", session.rest_until_end() or "421 4.7.0 mail.test.example too many errors, closing connection")

    def test_early_talker(self):
        server = self.server(listener={"greet_pause": "1s"})
        session = self.session(server, greet=False)
        session.send("EHLO bot.example\r\n")
        self.refused(server, "early_talker", r"^554 5\.5\.1 protocol error: data received before the greeting", session.reply())
        self.assertEqual(session.rest_until_end(), "")
        begin = time.monotonic()
        self.assertTrue(self.greeted(server).say("NOOP").startswith("250"))
        self.assertGreater(time.monotonic() - begin, 0.9)

    def test_http(self):
        server = self.server()
        for request in ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /x HTTP/1.0\r\n\r\nMAIL FROM:<a@b.example>\r\n"):
            session = self.session(server)
            session.send(request)
            reply = session.rest_until_end()
            self.assertRegex(reply, r"^554 5\.5\.1 this is SMTP, not HTTP")
            self.assertEqual(reply.count("\r\n"), 1)
        ended = postroad.eventually(lambda: (lambda e: e if len(e) == 2 else None)(server.events("session.closed")))
        self.assertEqual({event["ending"] for event in ended}, {"not_smtp"})
        SEEN.append(("HTTP", reply.strip(), ended[0]["text"]))

    def test_disk_reserve_is_kept_before_the_text(self):
        server = self.server(spool={"reserve": "1000TiB"})
        session = self.greeted(server)
        self.refused(server, "room", r"^452 4\.3\.1 insufficient system storage", session.say("MAIL FROM:<a@b.example>"))

    def test_row_44_a_declared_size_reserves_nothing(self):
        server = self.server(limits={"message_size": "500MiB"})
        before = postroad.resident(server.pid)
        for _ in range(40):
            self.assertTrue(self.greeted(server).say("MAIL FROM:<a@b.example> SIZE=524288000").startswith("250"))
        self.assertLess(postroad.resident(server.pid) - before, 8 << 20)

    def test_each_listener_has_its_own_size_and_banner(self):
        server = self.enterContext(postroad.Server({"listener": [{"message_size": "1KiB", "banner": "small"}, {"banner": ""}]}))
        for port, banner, size in ((server.ports[0], " ESMTP small", "SIZE 1024"), (server.ports[1], " ESMTP", "SIZE 36700160")):
            with by_hand.Session(port) as session:
                self.assertTrue(session.greeting.rstrip().endswith(banner), session.greeting)
                self.assertIn(size, session.say("EHLO client.example"))
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["c@x.example"], TEXT + b"x" * 2000 + b"\r\n").startswith("552"))

    def test_ceiling_of_sessions(self):
        server = self.server({"sessions": 0}, server={"sessions": 4})
        held = [self.greeted(server) for _ in range(4)]
        fifth = self.session(server)
        self.assertRegex(fifth.greeting, r"^421 4\.3\.2 mail\.test\.example too busy, try again later")
        self.told(server, "sessions", fifth.greeting, "session.turned_away", "reason")
        for session in held:
            self.assertTrue(session.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))
            session.say("QUIT")
        postroad.eventually(lambda: len(server.events("session.closed")) == 4)
        self.greeted(server)

    def test_ceiling_of_memory(self):
        server = self.server({"sessions": 0}, server={"memory": "1MiB"})  # less than any process uses
        held = self.greeted(server)  # one session is served although the limit is reached

        def turned_away():
            with by_hand.Session(server.port) as session:
                return session.greeting if session.greeting.startswith("421") else None
        greeting = postroad.eventually(turned_away)
        self.assertRegex(greeting, r"^421 4\.3\.2 ")
        self.told(server, "memory", greeting, "session.turned_away", "reason")
        self.assertTrue(held.mail("a@b.example", ["ann@here.example"], TEXT).startswith("250"))

    # Memory that ended sessions have freed is not a reason to turn others away.
    def test_row_32_after_the_ceiling_of_memory_it_serves_again(self):
        if postroad.is_sanitized():
            self.skipTest("not applicable: a sanitizer keeps memory that was given back")
        with postroad.Server() as idle:
            ceiling = postroad.resident(idle.pid) // 2**20 + 12
        server = self.server({"sessions": 0, "recipients": "none"}, server={"memory": f"{ceiling}MiB"})
        crowd = []

        def is_full():
            session = by_hand.Session(server.port)
            crowd.append(session)
            if not session.greeting.startswith("220"):
                return True
            session.send("EHLO crowd.example\r\nMAIL FROM:<a@b.example>\r\n" + "".join(
                f"RCPT TO:<ann+{len(crowd)}-{i}-{'x' * 30}@here.example>\r\n" for i in range(900)))
            for _ in range(902):
                session.reply()
            return False
        postroad.eventually(is_full)
        for session in crowd:
            session.socket.close()
        held = postroad.eventually(lambda: self.is_served(server))
        self.assertTrue(held.greeting.startswith("220"))
        self.assertTrue(postroad.eventually(lambda: self.is_served(server)), "and another beside it")

    def is_served(self, server):
        session = self.session(server)
        return session if session.greeting.startswith("220") else None

    # Rows 35 and 48: while VRFY and EXPN are off, known and unknown names get the same reply.
    def test_row_35_vrfy_and_expn_off(self):
        session = self.greeted(self.server())
        self.assertEqual(len({session.say(f"VRFY {name}") for name in ("ann", "nobody", "ann@here.example", "postmaster")}), 1)
        self.assertEqual(len({session.say(f"EXPN {name}") for name in ("ann", "nobody")}), 1)


if __name__ == "__main__":
    if "--table" in sys.argv:
        unittest.main(argv=sys.argv[:1], verbosity=0, exit=False)
        for limit, reply, line in sorted(SEEN):
            line = re.sub(r"(127\.0\.0\.1\]):[0-9]+", r"\1:4711", line)
            print(f"| {limit} | `{reply}` | `{line}` |")
    else:
        unittest.main(verbosity=2)
