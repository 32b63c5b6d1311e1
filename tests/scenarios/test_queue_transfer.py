# Messages of the queue as files, and from one running server to another: queue export, import and move; and the queue as mailq
# prints it. No message is lost, and none is delivered by both servers.
import contextlib
import json
import socket
import subprocess
import threading
import unittest

import by_hand
import postroad

LATER = "451 4.7.1 come back later"
BODY = b"".join(b"line %d\r\n" % i for i in range(20_000))


class WithAQueue(unittest.TestCase):
    def setUp(self):
        self.replies = {"RCPT": LATER}
        self.host = self.enterContext(by_hand.FakeServer(self.script))
        self.server = self.serve(retry={"initial_delay": "1h"})

    def serve(self, **more):
        server = postroad.Server({
            "local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]}, "listener": [{"role": "mx", "smtputf8": True}],
            "delivery": {"smarthost": f"smtp://127.0.0.1:{self.host.port}", "networks": ["127.0.0.0/8"], "connections": 1}, **more})
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def script(self, peer):
        peer.say("220 fake.example ESMTP\r\n")
        while True:
            by_hand.converse(peer, until="RCPT")
            peer.say(self.replies["RCPT"] + "\r\n")

    def queue(self, server, *arguments, code=0):
        done = postroad.run("queue", arguments[0], "--config", server.config, *arguments[1:])
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return done

    @staticmethod
    def listed(server, *arguments):
        done = postroad.run("queue", "list", "--json", "--config", server.config, *arguments)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def deferred(self, recipient="ben@there.example", body=b"hello\r\n"):
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            queue_id = session.mail("ann@here.example", [recipient], b"Subject: Lunch\r\n\r\n" + body).split()[-1]
        postroad.eventually(lambda: [one for one in self.listed(self.server, queue_id) if one["recipients"][0]["state"] == "deferred"],
                            self.server.process)
        return queue_id

    def folder(self):
        return self.enterContext(postroad.Folder()).path


class QueueTransfer(WithAQueue):
    def test_a_message_goes_to_another_server_by_files(self):
        first, second = self.deferred(body=BODY), self.deferred("cora@there.example")
        self.queue(self.server, "hold", second)
        folder = self.folder() / "export"
        done = self.queue(self.server, "export", "all", "--to", folder)
        self.assertEqual((done.stderr, done.stdout), ("2 messages match\n", "export: 2 messages\n"))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), sorted(f"{one}.{end}" for one in (first, second) for end in ("eml", "json")))
        self.assertEqual(oct(folder.stat().st_mode)[-3:], "700")
        self.assertEqual(oct((folder / f"{first}.eml").stat().st_mode)[-3:], "600")
        self.assertIn(BODY, (folder / f"{first}.eml").read_bytes())
        self.assertEqual(len(self.listed(self.server)), 2, "an export leaves them")
        self.assertEqual(self.queue(self.server, "export", first, "--to", folder).stdout, "export: 1 message\n", "it is there already")
        (folder / f"{first}.json").write_text("{}")
        self.assertIn("exists already", self.queue(self.server, "export", first, "--to", folder, code=73).stderr)
        (folder / f"{first}.json").unlink()
        (folder / f"{first}.eml").unlink()
        (folder / f"{first}.eml").symlink_to(folder / "elsewhere")
        self.queue(self.server, "export", first, "--to", folder)
        self.assertFalse((folder / "elsewhere").exists(), "a link is not followed")
        self.queue(self.server, "remove", "all", "--yes")
        other = self.serve(retry={"initial_delay": "1h"})
        done = self.queue(other, "import", folder)
        self.assertEqual(done.stderr, "import: 2 messages\n")
        ids = dict(line.split() for line in done.stdout.splitlines())
        self.assertEqual(sorted(ids), sorted((first, second)))
        found = {one["id"]: one for one in self.listed(other)}
        self.assertEqual(sorted(found), sorted(ids.values()))
        self.assertEqual((found[ids[second]]["held"], found[ids[first]]["held"]), (True, False))
        recipient = found[ids[first]]["recipients"][0]
        self.assertEqual((recipient["attempts"], recipient["last_reply"]), (1, LATER))
        shown = self.queue(other, "show", ids[first]).stdout
        self.assertTrue(shown.replace("\r\n", "\n").endswith("line 19999\n"))
        self.replies["RCPT"] = "250 2.1.5 Ok"
        self.server.stop()  # its idle connection, too: the host serves one at a time
        self.queue(other, "flush", ids[first])
        postroad.eventually(lambda: other.events("recipient.delivered"), other.process)
        self.assertEqual([one["id"] for one in self.listed(other)], [ids[second]])

    def test_an_import_may_end_holds(self):
        queue_id = self.deferred()
        self.queue(self.server, "hold", queue_id)
        folder = self.folder()
        self.queue(self.server, "export", queue_id, "--to", folder)
        new = json.loads(self.queue(self.server, "import", "--release", "--json", folder / f"{queue_id}.json").stdout)
        self.assertEqual(new["id"], queue_id)
        self.assertFalse(self.listed(self.server, new["new_id"])[0]["held"])

    def test_a_move_leaves_a_message_in_one_place(self):
        self.replies["RCPT"] = LATER
        moved = [self.deferred(f"r{i}@there.example") for i in range(5)]
        stays = self.deferred("stays@other.example")
        held = self.deferred("held@there.example")
        self.queue(self.server, "hold", held)
        other = self.serve(retry={"initial_delay": "1h"})
        dry = self.queue(self.server, "move", "--domain", "there.example", "--to", other.data, "--dry-run")
        self.assertEqual((dry.stdout, dry.stderr), ("", "6 messages match\n"))
        done = self.queue(self.server, "move", "--domain", "there.example", "--to", other.data)
        self.assertEqual(done.stderr, "6 messages match\nmove: 6 messages\n1 message were held, and are held there: `postroad queue release` ends that\n")
        ids = dict(line.split() for line in done.stdout.splitlines())
        self.assertEqual(sorted(ids), sorted([*moved, held]))
        self.assertEqual([(one["id"], one["held"]) for one in self.listed(self.server)], [(stays, False)])
        self.assertEqual({one["id"]: one["held"] for one in self.listed(other)}, {new: old == held for old, new in ids.items()})
        self.server.restart()
        other.restart()
        self.assertEqual(len(self.listed(other)), 6)
        self.assertEqual(len(self.listed(self.server)), 1)

    def test_a_message_that_is_being_attempted_is_moved_after_that_or_stays(self):
        reached, go_on = threading.Event(), threading.Event()

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="RCPT")
            reached.set()
            go_on.wait(postroad.PATIENCE)
            peer.say(LATER + "\r\n")
            by_hand.converse(peer)
        self.host.script = script
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            session.mail("ann@here.example", ["ben@there.example"], b"Subject: x\r\n\r\nx\r\n")
        self.assertTrue(reached.wait(postroad.PATIENCE))
        other = self.serve(retry={"initial_delay": "1h"})
        done = self.queue(self.server, "move", "all", "--to", other.data, "--wait", "10ms", code=75)
        self.assertIn("1 message stayed here", done.stderr)
        self.assertEqual(self.listed(other), [])
        go_on.set()
        postroad.eventually(lambda: [one for one in self.listed(self.server) if one["recipients"][0]["state"] == "deferred"], self.server.process)
        self.queue(self.server, "move", "all", "--to", other.data)
        self.assertEqual((len(self.listed(self.server)), len(self.listed(other))), (0, 1))

    def test_a_move_to_a_server_that_cannot_store_leaves_the_message_here(self):
        queue_id = self.deferred()
        full = self.serve(spool={"reserve": "900GiB"})
        done = self.queue(self.server, "move", "all", "--to", full.data, code=75)
        self.assertIn("the running server", done.stderr)
        (one,) = self.listed(self.server)
        self.assertEqual((one["id"], one["held"]), (queue_id, False))
        self.assertEqual(self.listed(full), [])

    # The other server takes the whole message, and its answer is lost: it may have it.
    def test_a_move_whose_answer_is_lost_says_so_and_the_message_is_here(self):
        queue_id = self.deferred()
        heard = []

        def answer(connection, lines):
            words = lines.readline().split()
            if words[:2] == [b"queue", b"put"]:
                heard.append(words)
                lines.read(int(words[2]))
                connection.sendall(b"go\n")
                lines.read(int(words[3]))
        folder = self.fake_control(answer)
        done = self.queue(self.server, "move", queue_id, "--to", folder, code=74)
        self.assertRegex(done.stderr, rf"message {queue_id}: .*it stays held here, and the other server may have it, held: look there")
        self.assertEqual([words[-1] for words in heard], [b"hold"], "a copy there waits until this one is removed")
        (one,) = self.listed(self.server)
        self.assertEqual((one["id"], one["held"]), (queue_id, True))

    # An interruption leaves the lines of the messages that are stored.
    def test_ids_are_written_when_a_message_is_stored(self):
        first, second = self.deferred(), self.deferred("cora@there.example")
        folder = self.folder()
        self.queue(self.server, "export", "all", "--to", folder)
        go_on = threading.Event()

        def answer(connection, lines):
            for new_id in (b"1", b"2"):
                words = lines.readline().split()
                lines.read(int(words[2]))
                connection.sendall(b"go\n")
                lines.read(int(words[3]))
                if new_id == b"2":
                    go_on.wait(postroad.PATIENCE)
                connection.sendall(new_id + b"\nok 1\n")
        command = [postroad.BINARY, "queue", "import", str(folder), "--data", str(self.fake_control(answer))]
        with subprocess.Popen(command, env=postroad.CLEAN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            self.assertEqual(postroad.LineReader(process.stdout.fileno()).next(), f"{first} 1")
            self.assertIsNone(process.poll(), "it still waits for the second message")
            go_on.set()
            self.assertEqual(process.stdout.read().decode(), f"{second} 2\n")
            self.assertEqual(process.wait(postroad.PATIENCE), 0)

    # The server here refuses the removal: the copy there stays held.
    def test_a_message_that_is_not_removed_here_is_not_released_there(self):
        queue_id = self.deferred()
        folder = self.folder()
        self.queue(self.server, "hold", queue_id)
        self.queue(self.server, "export", queue_id, "--to", folder)
        envelope, message = ((folder / f"{queue_id}.{end}").read_bytes() for end in ("json", "eml"))
        self.queue(self.server, "remove", queue_id, "--yes")
        replies = {b"list ids": queue_id.encode() + b"\nok 1\n", b"hold id=": b"ok 1\n", b"list export": envelope + b"ok 1\n",
                   b"show id=": b"bytes %d\n" % len(message) + message + b"ok 1\n", b"remove": b"ok 0\n"}
        done = postroad.run("queue", "move", queue_id, "--data", self.fake_source(replies), "--to", self.server.data)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("remove one of them, then release the other", done.stderr)
        (one,) = self.listed(self.server)
        self.assertTrue(one["held"])

    # A full disk may refuse a hold: the message could be attempted while it is copied.
    def test_a_message_that_could_not_be_held_is_not_moved(self):
        queue_id = self.deferred()
        folder = self.folder()
        self.queue(self.server, "export", queue_id, "--to", folder)
        envelope = (folder / f"{queue_id}.json").read_bytes()
        replies = {b"list ids": queue_id.encode() + b"\nok 1\n", b"hold id=": b"ok 0\n", b"list export": envelope + b"ok 1\n"}
        done = postroad.run("queue", "move", queue_id, "--data", self.fake_source(replies), "--to", self.server.data)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("could not be held", done.stderr)
        self.assertEqual([one["id"] for one in self.listed(self.server)], [queue_id], "nothing was put")

    def fake_source(self, replies):
        """A server that replies to a request by its first words, and has no held message."""
        def answer(connection, lines):
            for line in lines:
                request = line.removeprefix(b"queue ")
                found = next((reply for words, reply in replies.items() if request.startswith(words) and b"state=held" not in request), b"ok 0\n")
                connection.sendall(found)
        return self.fake_control(answer)

    def fake_control(self, answer):
        """A data folder with a control socket; `answer(connection, lines)` serves a connection."""
        folder = self.folder()
        control = self.enterContext(socket.socket(socket.AF_UNIX))
        control.bind(str(folder / "control.sock"))
        control.listen()

        def serve_one(connection):
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
                answer(connection, lines)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve_one, args=(control.accept()[0],), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
        return folder

    def test_empty_patterns_are_refused(self):
        self.deferred()
        for flag in ("--sender", "--recipient", "--domain", "--site", "--reply"):
            self.assertIn(f"{flag}: the pattern is empty", self.queue(self.server, "remove", "all", flag, "", code=64).stderr)
        self.assertEqual(len(self.listed(self.server)), 1)

    def test_wrong_files_and_places(self):
        queue_id = self.deferred()
        folder = self.folder()
        self.queue(self.server, "export", queue_id, "--to", folder)
        envelope, message = folder / f"{queue_id}.json", folder / f"{queue_id}.eml"
        good = envelope.read_text()
        for text, code, words in ((good[:-5], 65, "not JSON"), (good.replace('"version":1', '"version":9'), 65, "version"),
                                  (good.replace("ann@here.example", "a\\r\\nb"), 65, "sender"), ("", 65, "not JSON")):
            with self.subTest(words):
                envelope.write_text(text)
                done = self.queue(self.server, "import", folder, code=code)
                self.assertIn(words, done.stderr)
                self.assertIn(str(envelope), done.stderr)
        envelope.write_text(good)
        message.write_bytes(message.read_bytes()[:-1])
        self.assertIn("its envelope says", self.queue(self.server, "import", envelope, code=65).stderr)
        message.unlink()
        self.assertIn("cannot be read", self.queue(self.server, "import", envelope, code=66).stderr)
        self.assertIn("no exported message", self.queue(self.server, "import", self.folder(), code=66).stderr)
        self.assertIn("same server", self.queue(self.server, "move", "all", "--to", self.server.data, code=64).stderr)
        self.assertIn("no server uses", self.queue(self.server, "move", "all", "--to", folder, code=66).stderr)
        self.assertIn("name messages", self.queue(self.server, "export", "--to", folder, code=64).stderr)
        self.assertIn("cannot be created", self.queue(self.server, "export", "all", "--to", "/proc/none", code=73).stderr)
        self.assertEqual(len(self.listed(self.server)), 1)

    def test_an_import_that_is_cut_off_stores_nothing(self):
        queue_id = self.deferred()
        folder = self.folder()
        self.queue(self.server, "export", queue_id, "--to", folder)
        envelope = (folder / f"{queue_id}.json").read_bytes()
        message = (folder / f"{queue_id}.eml").read_bytes()
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(postroad.PATIENCE)
            control.connect(str(self.server.data / "control.sock"))
            control.sendall(b"queue put %d %d keep\n" % (len(envelope), len(message)) + envelope)
            self.assertEqual(control.recv(100), b"go\n")
            control.sendall(message[:-1])
        self.assertEqual([one["id"] for one in self.listed(self.server)], [queue_id])


class Mailq(WithAQueue):
    def mailq(self, *words, data=None):
        folder = self.folder()
        settings = folder / "sendmail.toml"
        settings.write_text(f'data = "{data or self.server.data}"\n')
        program = folder / (words[0])
        program.symlink_to(postroad.BINARY)
        return postroad.run_program(program, *words[1:], env={"POSTROAD_SENDMAIL_CONFIG": str(settings)})

    def test_the_queue_is_listed_as_postfix_lists_it(self):
        for words in (("mailq",), ("sendmail", "-bp")):
            done = self.mailq(*words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Mail queue is empty\n", ""))
        first, second = self.deferred(), self.deferred("cora@there.example")
        self.queue(self.server, "hold", second)
        for words in (("mailq",), ("sendmail", "-bp")):
            done = self.mailq(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            lines = done.stdout.splitlines()
            self.assertRegex(lines[0], "^-Queue ID-.*Size.*Arrival Time.*Sender/Recipient")
            self.assertRegex(lines[1], rf"^{first} +\d+ \w{{3}} \w{{3}} +\d+ [\d:]{{8}}  ann@here\.example$")
            self.assertEqual(lines[2].strip(), f"({LATER})")
            self.assertEqual(lines[3].strip(), "ben@there.example")
            self.assertRegex(lines[5], rf"^{second}! +\d+")
            self.assertRegex(lines[-1], r"^-- 1 Kbytes in 2 Requests\.$")

    def test_the_queue_is_flushed(self):
        def attempts():
            return len(self.server.events("recipient.deferred"))

        self.deferred()
        before = attempts()
        self.assertEqual(self.mailq("sendmail", "-q15m").returncode, 0)
        done = self.mailq("sendmail", "-q")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        postroad.eventually(lambda: attempts() == before + 1, what="one more attempt")
        self.assertEqual(self.mailq("sendmail", "-q", data=self.folder()).returncode, 0, "without a server nothing waits")

    def test_without_a_server(self):
        done = self.mailq("mailq", data=self.folder())
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("no server uses this data folder", done.stderr)
        self.assertIn("sendmail.toml", done.stderr)

    def test_output_that_cannot_be_written(self):
        self.deferred()
        folder = self.folder()
        settings = folder / "sendmail.toml"
        settings.write_text(f'data = "{self.server.data}"\n')
        with open("/dev/full", "wb") as full:
            done = subprocess.run([postroad.BINARY, "sendmail", "-bp"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=postroad.PATIENCE,
                                  check=False, env={**postroad.CLEAN, "POSTROAD_SENDMAIL_CONFIG": str(settings)})
        self.assertEqual(done.returncode, 74, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
