# The queue commands against a running server: list, why, show, hold, release, flush and remove, by id, by `all` and by conditions.
# A hold survives a restart and a flush; a message that is being attempted is removed after its outcome.
import json
import subprocess
import threading
import unittest

import by_hand
import postroad

LATER = "451 4.7.1 come back later"


class QueueCommands(unittest.TestCase):
    def setUp(self):
        self.replies = {"RCPT": LATER}
        self.host = self.enterContext(by_hand.FakeServer(self.script))
        self.server = postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]},
            "listener": [{"role": "mx"}],
            "delivery": {"smarthost": f"smtp://127.0.0.1:{self.host.port}", "networks": ["127.0.0.0/8"], "connections": 1}, "retry": {"initial_delay": "1h"}})
        self.addCleanup(self.server.__exit__, None, None, None)

    def script(self, peer):
        """A plain server whose replies the test may change while a connection is open."""
        peer.say("220 fake.example ESMTP\r\n")
        while True:
            by_hand.converse(peer, until="RCPT")
            peer.say(self.replies["RCPT"] + "\r\n")

    def send(self, recipient="ben@there.example", sender="ann@here.example", body=b"hello\r\n"):
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            return session.mail(sender, [recipient], b"Subject: Lunch\r\n\r\n" + body).split()[-1]

    def queue(self, *arguments, code=0):
        done = postroad.run("queue", arguments[0], "--config", self.server.config, *arguments[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def listed(self, *arguments):
        done = postroad.run("queue", "list", "--json", "--config", self.server.config, *arguments)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_state(self, queue_id, state):
        return postroad.eventually(lambda: [one for one in self.listed(queue_id) if one["recipients"][0]["state"] == state],
                                   self.server.process, f"{queue_id} is {state}")[0]

    def deferred(self, **rest):
        queue_id = self.send(**rest)
        self.wait_state(queue_id, "deferred")
        return queue_id

    def test_an_empty_queue(self):
        self.assertEqual(self.queue("list", code=1).stderr, "no message matches\n")
        self.assertEqual(self.queue("list", "--json", code=1).stdout, "")
        for verb in ("hold", "release", "flush", "remove"):
            self.assertEqual(self.queue(verb, "all", code=1).stderr, "0 messages match\n")
        self.assertIn("not in the queue", self.queue("why", "1234", code=1).stderr)
        self.assertIn("not in the queue", self.queue("show", "1234", code=1).stderr)

    def test_every_field_is_listed(self):
        queue_id = self.deferred()
        (one,) = self.listed()
        self.assertEqual(set(one), {"id", "arrived", "size", "sender", "held", "recipients"})
        self.assertEqual((one["id"], one["sender"], one["held"]), (queue_id, "ann@here.example", False))
        (recipient,) = one["recipients"]
        self.assertEqual(set(recipient), {"address", "original", "state", "attempts", "last_attempt", "next_attempt", "last_reply",
                                          "host", "tls", "route"})
        self.assertEqual((recipient["address"], recipient["attempts"], recipient["last_reply"]), ("ben@there.example", 1, LATER))
        self.assertEqual((recipient["host"], recipient["tls"]), (f"127.0.0.1:{self.host.port}", "none"))
        self.assertLess(recipient["last_attempt"], recipient["next_attempt"])
        text = self.queue("list").stdout
        self.assertIn(queue_id, text)
        self.assertIn(LATER, text)
        postqueue = json.loads(self.queue("list", "--postqueue").stdout)
        self.assertEqual(postqueue["queue_name"], "deferred")
        self.assertEqual(postqueue["queue_id"], queue_id)
        self.assertEqual(postqueue["recipients"], [{"address": "ben@there.example", "delay_reason": LATER}])

    def test_conditions(self):
        first = self.deferred()
        second = self.deferred(recipient="cora@sub.other.example", sender="")
        for arguments, expected in ((("--sender", "ann@*"), [first]), (("--sender", "<ann@here.example>"), [first]), ((first, first), [first]), (("--sender", "<>"), [second]), (("--sender", "ann"), []),
                                    (("--recipient", "BEN@there.example"), [first]), (("--domain", "*.example"), [first, second]),
                                    (("--domain", "*.other.example"), [second]), (("--reply", "COME BACK"), [first, second]),
                                    (("--reply", "no such text"), []), (("--state", "deferred"), [first, second]),
                                    (("--state", "held"), []), (("--older", "1h"), []), (("--older", "1ms"), [first, second]),
                                    (("--site", "smtp://*"), [first, second]), (("--site", "mailboxes"), []),
                                    (("--sender", "ann@*", "--domain", "sub.*"), []), ((first,), [first]), ((second, first), [second, first]),
                                    (("all",), [first, second])):
            with self.subTest(arguments):
                self.assertEqual([one["id"] for one in self.listed(*arguments)], expected)

    def test_why_says_what_a_message_waits_for(self):
        queue_id = self.deferred()
        text = self.queue("why", queue_id).stdout
        for fact in ("  state: deferred", "  waiting for: back-off", "  next try: ", "  last reply: " + LATER, "  attempts: 1",
                     f"  host: 127.0.0.1:{self.host.port}", "  tls: none", "  given up: ", "  sender: <ann@here.example>"):
            self.assertIn(fact, text)
        self.queue("hold", queue_id)
        self.assertIn("waiting for: release (held by an operator)", self.queue("why", queue_id).stdout)
        facts = json.loads(self.queue("why", "--json", queue_id).stdout)
        self.assertEqual(facts["waiting_for"], ["release (held by an operator)"])

    def test_show_prints_the_message(self):
        body = b"".join(b"line %d\r\n" % i for i in range(20_000))
        queue_id = self.deferred(body=body)
        shown = self.queue("show", queue_id).stdout
        self.assertTrue(shown.startswith("Received: "), shown[:80])
        self.assertTrue(shown.replace("\r\n", "\n").endswith("line 19999\n"), shown[-80:])

    def test_a_hold_survives_a_restart_and_a_flush(self):
        queue_id = self.deferred()
        self.assertEqual(self.queue("hold", queue_id).stdout, "hold: 1 message\n")
        self.replies["RCPT"] = "250 2.1.5 Ok"
        self.server.restart()
        self.assertIn("a hold", self.queue("flush", "all", code=75).stderr)
        self.send(recipient="other@there.example")
        postroad.eventually(lambda: self.server.events("recipient.delivered"), self.server.process)
        (one,) = self.listed()
        self.assertTrue(one["held"])
        self.assertEqual(one["recipients"][0]["state"], "held")
        self.queue("release", queue_id)
        self.queue("flush", queue_id)
        postroad.eventually(lambda: len(self.server.events("recipient.delivered")) == 2, self.server.process)
        self.assertEqual(self.listed(), [])

    def test_ids_from_standard_input(self):
        ids = [self.deferred(), self.deferred(recipient="cora@there.example")]
        done = postroad.run("queue", "hold", "--config", self.server.config, "-", input="\n".join(["", *ids, ""]).encode())
        self.assertEqual((done.returncode, done.stdout), (0, "hold: 2 messages\n"), done.stderr)
        done = postroad.run("queue", "remove", "--config", self.server.config, "-", input=b"")
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("standard input: no queue id", done.stderr)

    def test_flush_tries_now(self):
        queue_id = self.deferred()
        self.replies["RCPT"] = "250 2.1.5 Ok"
        self.queue("flush", "--domain", "there.example")
        event = postroad.eventually(lambda: self.server.events("recipient.delivered"), self.server.process)[0]
        self.assertEqual(event["id"], queue_id)

    def test_remove_tells_nobody_and_survives_a_restart(self):
        removed, kept = self.deferred(), self.deferred(recipient="cora@there.example")
        dry = self.queue("remove", "--recipient", "ben@*", "--dry-run")
        self.assertEqual((dry.stderr, dry.stdout), ("1 message matches\n", ""))
        self.assertEqual(len(self.listed()), 2)
        self.assertEqual(json.loads(self.queue("remove", "--recipient", "ben@*", "--json").stdout), {"matched": 1, "changed": 1})
        self.assertEqual([one["id"] for one in self.listed()], [kept])
        self.server.restart()
        self.assertEqual([one["id"] for one in self.listed()], [kept])
        self.assertEqual(self.server.mails(), [])
        self.queue("why", removed, code=1)

    def test_a_message_in_flight_is_removed_after_its_outcome(self):
        reached, go_on = threading.Event(), threading.Event()

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="RCPT")
            reached.set()
            go_on.wait(postroad.PATIENCE)
            peer.say(LATER + "\r\n")
            by_hand.converse(peer)
        self.host.script = script
        queue_id = self.send()
        self.assertTrue(reached.wait(postroad.PATIENCE))
        self.assertIn("waiting for: the end of an attempt at ", self.queue("why", queue_id).stdout)
        self.assertEqual(self.queue("remove", queue_id).stdout, "remove: 1 message\n")
        self.assertIn("then the request of an operator", self.queue("why", queue_id).stdout)
        self.assertEqual([one["id"] for one in self.listed()], [queue_id])
        go_on.set()
        postroad.eventually(lambda: not self.listed(), self.server.process)
        self.assertEqual(len(self.server.events("recipient.deferred")), 1)
        (event,) = self.server.events("queue.removed")
        self.assertEqual(event["id"], queue_id)

    def test_a_request_during_an_attempt_survives_a_kill(self):
        reached = threading.Event()

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="RCPT")
            reached.set()
            peer.line()
        for verb in ("hold", "remove"):
            with self.subTest(verb):
                reached.clear()
                self.host.script = script
                queue_id = self.send()
                self.assertTrue(reached.wait(postroad.PATIENCE))
                self.queue(verb, queue_id)
                self.server.kill()
                self.host.script = self.script
                self.server.start()
                self.assertTrue(self.wait_state(queue_id, "held")["held"])
                self.queue("remove", queue_id)

    def test_a_flush_names_each_message_once(self):
        queue_id = self.deferred()
        self.replies["RCPT"] = "250 2.1.5 Ok"
        self.assertEqual(self.queue("flush", queue_id, queue_id, queue_id).stdout, "flush: 1 message\n")
        postroad.eventually(lambda: not self.listed(), self.server.process)
        self.assertEqual(len(self.server.events("recipient.delivered")), 1)

    def test_many_messages(self):
        self.replies["RCPT"] = LATER
        count = 450
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            for i in range(count):
                self.assertTrue(session.mail("ann@here.example", [f"r{i}@there.example"], b"Subject: x\r\n\r\n").startswith("250"))
        self.assertEqual(self.queue("hold", "all").stdout, f"hold: {count} messages\n")
        # Those that are being attempted follow after their outcome.
        postroad.eventually(lambda: len(self.listed("--state", "held")) == count, self.server.process)
        self.assertEqual(self.queue("remove", "all").stdout, f"remove: {count} messages\n")
        self.assertEqual(self.listed(), [])

    def test_output_that_cannot_be_written(self):
        queue_id = self.deferred()
        for arguments in (("queue", "list"), ("queue", "list", "--json"), ("queue", "why", queue_id), ("queue", "show", queue_id),
                          ("queue", "hold", queue_id), ("site", "pause", "mailboxes"), ("site", "list")):
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([postroad.BINARY, *arguments[:2], "--config", self.server.config, *arguments[2:]], stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=postroad.PATIENCE, check=False)
                self.assertEqual(done.returncode, 74, done.stderr)
                self.assertIn("standard output cannot be written: No space left on device", done.stderr)

    def test_which_messages_would_take_another_way(self):
        queue_id = self.deferred()
        path = self.server.folder / "next.toml"
        text = self.server.config.read_text()
        path.write_text(text)
        done = postroad.run("config", "check", "--offline", "--diff", "--config", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 recipients of 1 queued messages would take another way", done.stdout)
        path.write_text(text + '[[route]]\ndomains = ["there.example"]\nvia = "smtp://127.0.0.1:2599"\n')
        done = postroad.run("config", "check", "--offline", "--diff", "--config", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{queue_id}  ben@there.example  smtp://127.0.0.1:{self.host.port} -> smtp://127.0.0.1:2599\n", done.stdout)
        self.assertIn("1 recipients of 1 queued messages would take another way", done.stdout)

    def test_wrong_input(self):
        for arguments, code, words in ((("hold",), 64, "name messages"), (("why", "no/id"), 64, "not a queue id"),
                                       (("why", "all"), 64, "not a queue id"), (("list", "--state", "gone"), 64, "deferred"), (("list", "--older", "x"), 64, "--older")):
            with self.subTest(arguments):
                done = self.queue(*arguments, code=code)
                self.assertIn(words, done.stderr)
        with postroad.Folder() as folder:
            done = postroad.run("queue", "list", "--data", folder.path)
        self.assertEqual(done.returncode, 66)
        self.assertIn("no server uses this data folder", done.stderr)
        self.assertIn("--data", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
