# A new process takes the listening sockets and begins its own spool while the old one completes its sessions: no connection is
# refused, no message is lost, no session is cut. By hand: `--rounds 20` and `--senders 8`; the defaults are smaller.
import argparse
import re
import socket
import subprocess
import sys
import threading
import unittest

import by_hand
import postroad

ROUNDS, SENDERS = 5, 4


class Site:
    """The processes of one data folder: each takes over from the one before."""

    def __init__(self, test, settings):
        self.server = test.enterContext(postroad.Server(settings))
        self.processes = []  # those that took over
        self.test = test
        test.addCleanup(self.end)

    def successor(self):
        with open(self.server.log_path, "ab") as log:
            process = subprocess.Popen([postroad.BINARY, "serve", "--config", self.server.config, "--take-over"], cwd=self.server.folder,
                                       env=postroad.CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = postroad.LineReader(process.stdout.fileno()).next()
        self.test.assertIsNotNone(line, self.server.log[-2000:])
        self.test.assertIn("listening on", line)
        self.processes.append(process)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            process.wait(postroad.PATIENCE)
            process.stdout.close()
        self.server.process.stdout.close()


class TakeOver(unittest.TestCase):
    SETTINGS = {"listener": [{}], "limits": {"drain": "20s"}}

    def test_under_load(self):
        site = Site(self, self.SETTINGS)
        # Only the first listener's port is known, and it never changes.
        port, stop = site.server.port, threading.Event()
        taken, faults, connections = [], [], [0]

        def sender(number):
            i = 0
            while not stop.is_set():
                try:
                    with by_hand.Session(port) as session:
                        connections[0] += 1
                        assert session.greeting.startswith("220"), session.greeting
                        session.say("EHLO client.example")
                        for _ in range(5):
                            i += 1
                            name = f"{number}.{i}"
                            reply = session.mail("a@b.example", ["box@x.example"], f"Subject: mail {name}\r\n\r\nhello\r\n".encode())
                            assert reply.startswith("250"), reply
                            taken.append(name)
                        assert session.say("QUIT").startswith("221")
                except (OSError, EOFError, AssertionError) as error:
                    faults.append(repr(error))
        threads = [threading.Thread(target=sender, args=(n,)) for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        # A long session: it may complete, whatever happens around it.
        slow = self.enterContext(by_hand.Session(port))
        slow.say("EHLO slow.example")
        try:
            for round_ in range(ROUNDS):
                before = len(taken)
                site.successor()
                postroad.eventually(lambda: len(taken) >= before + 10 or faults)
                if round_ == 0:
                    reply = slow.mail("a@b.example", ["box@x.example"], b"Subject: mail slow\r\n\r\nhello\r\n")
                    self.assertTrue(reply.startswith("250"), reply)
                    taken.append("slow")
                    self.assertTrue(slow.say("QUIT").startswith("221"))
                previous = site.processes[-2] if round_ > 0 else site.server.process
                self.assertEqual(previous.wait(postroad.PATIENCE), 0)
        finally:
            stop.set()
            for thread in threads:
                thread.join(postroad.PATIENCE)
        self.assertEqual(faults, [])

        def there():
            mails = postroad.read_maildirs(site.server.data / "mail")
            return mails if len(mails) >= len(taken) else None
        mails = postroad.eventually(there)
        names = sorted(re.search(rb"Subject: mail (\S+)", mail.message)[1].decode() for mail in mails)
        self.assertEqual(names, sorted(taken), "each once")
        postroad.eventually(lambda: len([p for p in site.server.data.iterdir() if p.name.startswith("spool")]) == 1)
        print(f"{ROUNDS} hand-overs, {connections[0]} connections, none refused; {len(taken)} mails taken, each delivered once", flush=True)

    def test_mail_that_the_old_one_could_not_deliver_is_adopted(self):
        with by_hand.FakeServer(lambda peer: (peer.say("421 not now\r\n"))) as host:
            site = Site(self, {"listener": [{"role": "mx"}],
                               "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"},
                               "retry": {"initial_delay": "100ms", "max_delay": "200ms"}})
            with by_hand.Session(site.server.port) as session:
                session.say("EHLO client.example")
                self.assertTrue(session.mail("a@b.example", ["c@elsewhere.example"], b"Subject: x\r\n\r\nx\r\n").startswith("250"))
            site.successor()
            self.assertEqual(site.server.process.wait(postroad.PATIENCE), 0)
            adopted = postroad.eventually(lambda: site.server.events("spool.adopted"))
            self.assertEqual(adopted[0]["messages"], 1)
            host.script = by_hand.plain_server
            postroad.eventually(lambda: site.server.events("recipient.delivered"))

    def site_with_an_owed_reply(self, before_the_reply, drain):
        """A smarthost has a whole message, and replies after `before_the_reply(peer)`; it accepts later messages at once."""
        dot = threading.Event()

        def script(peer):
            host.script = by_hand.plain_server
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until=".")
            dot.set()
            before_the_reply(peer)
            peer.say("250 2.0.0 Ok\r\n")
            by_hand.converse(peer)
        host = self.enterContext(by_hand.FakeServer(script))
        site = Site(self, {"listener": [{"role": "mx"}], "limits": {"drain": drain},
                           "delivery": {"networks": ["127.0.0.1"], "smarthost": f"smtp://127.0.0.1:{host.port}"},
                           "retry": {"initial_delay": "100ms", "max_delay": "200ms"}})
        with by_hand.Session(site.server.port) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["c@elsewhere.example"], b"Subject: x\r\n\r\nx\r\n").startswith("250"))
        self.assertTrue(dot.wait(postroad.PATIENCE))
        return site, host

    # The new process must not send a message that the old one has sent.
    def test_a_reply_that_is_owed_to_the_old_one_is_waited_for(self):
        stopping = threading.Event()
        site, host = self.site_with_an_owed_reply(lambda _: stopping.wait(postroad.PATIENCE), drain="20s")
        site.successor()
        postroad.eventually(lambda: site.server.events("server.stopping"), site.processes[0])
        stopping.set()
        self.assertEqual(site.server.process.wait(postroad.PATIENCE), 0)
        postroad.eventually(lambda: len([p for p in site.server.data.iterdir() if p.name.startswith("spool")]) == 1)
        self.assertEqual(len(site.server.events("recipient.delivered")), 1)
        for event in ("recipient.deferred", "recipient.unknown", "recipient.failed", "spool.adopted"):
            self.assertEqual(site.server.events(event), [], event)
        self.assertEqual(host.heard.count("DATA"), 1)

    # The message may arrive twice, and is neither lost nor parked.
    def test_a_reply_that_the_old_one_does_not_get_leaves_the_message_to_the_new_one(self):
        site, host = self.site_with_an_owed_reply(lambda peer: peer.line(), drain="1s")
        site.successor()
        self.assertEqual(site.server.process.wait(postroad.PATIENCE), 0)
        delivered, = postroad.eventually(lambda: site.server.events("recipient.delivered"))
        deferred, = site.server.events("recipient.deferred")
        self.assertIn("may have been delivered", deferred["note"])
        self.assertEqual(deferred["id"], delivered["id"])
        self.assertEqual(site.server.events("recipient.unknown"), [])
        self.assertEqual(host.heard.count("DATA"), 2)

    def test_a_successor_that_fails_changes_nothing(self):
        server = self.enterContext(postroad.Server(self.SETTINGS))
        server.config.write_text(server.config.read_text() + "[metrics]\nlisten = \"192.0.2.1:1\"\n")
        done = postroad.run("serve", "--config", server.config, "--take-over")
        self.assertEqual(done.returncode, 78, done.stderr)
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["c@x.example"], b"Subject: x\r\n\r\nx\r\n").startswith("250"))
        server.wait_mail(1)

    def control(self, data):
        line = self.enterContext(socket.socket(socket.AF_UNIX))
        line.settimeout(postroad.PATIENCE)
        line.connect(str(data / "control.sock"))

        def say(word):
            line.sendall(word.encode() + b"\n")
            return socket.recv_fds(line, 4096, 64)[0].decode().rstrip("\n")
        return line, say

    # Two successors would both serve, and give out the same queue ids.
    def test_one_successor_at_a_time(self):
        server = self.enterContext(postroad.Server(self.SETTINGS))
        first, say = self.control(server.data)
        _, say_too = self.control(server.data)
        self.assertEqual(say("ready"), "refused no sockets were handed to this connection")
        self.assertRegex(say("takeover"), r"^sockets \d+$")
        self.assertEqual(say_too("takeover"), "refused another process is taking over")
        self.assertEqual(say_too("ready"), "refused no sockets were handed to this connection")
        first.close()  # it failed
        postroad.eventually(lambda: say_too("takeover").startswith("sockets "))
        with by_hand.Session(server.port) as session:
            self.assertTrue(session.greeting.startswith("220"), "nothing has changed so far")
            _, say_late = self.control(server.data)
            self.assertEqual(say_too("ready"), "ok")
            self.assertEqual(say_late("takeover"), "refused another process has taken over already")
            self.assertEqual(say_late("ready"), "refused no sockets were handed to this connection")
        self.assertEqual(server.wait_end(), 0)

    def test_many_at_once_leave_one(self):
        site = Site(self, self.SETTINGS)
        with by_hand.Session(site.server.port):  # keeps the old one there
            for _ in range(4):
                with open(site.server.log_path, "ab") as log:
                    site.processes.append(subprocess.Popen(
                        [postroad.BINARY, "serve", "--config", site.server.config, "--take-over"], cwd=site.server.folder,
                        env=postroad.CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log))
            alive = postroad.eventually(lambda: (lambda left: left if len(left) == 1 else None)(
                [process for process in site.processes if process.poll() is None]), timeout=40)
        self.assertEqual(site.server.process.wait(postroad.PATIENCE), 0)
        self.assertIsNone(alive[0].poll())
        with by_hand.Session(site.server.port) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["c@x.example"], b"Subject: x\r\n\r\nx\r\n").startswith("250"))

    # A session that is still open when the old process's time is over gets 421.
    def test_an_idle_session_hears_421_at_the_end(self):
        site = Site(self, {"listener": [{}], "limits": {"drain": "1s"}})
        with by_hand.Session(site.server.port) as idle:
            idle.say("EHLO client.example")
            site.successor()
            self.assertRegex(idle.rest_until_end(), r"^421 4\.3\.2 ")
        self.assertEqual(site.server.process.wait(postroad.PATIENCE), 0)

    # The new process may use the sockets even if the old one dies.
    def test_the_old_one_dies_before_it_answers(self):
        folder = self.enterContext(postroad.Folder()).path
        (folder / "data").mkdir()
        control = self.enterContext(socket.socket(socket.AF_UNIX))
        control.bind(str(folder / "data" / "control.sock"))
        control.listen()
        listener = self.enterContext(socket.create_server((postroad.HOST, 0)))
        port = listener.getsockname()[1]

        def old():
            connection, _ = control.accept()
            with connection:
                connection.recv(100)
                socket.send_fds(connection, [b"sockets 5\n"], [listener.fileno()])
                connection.recv(100)
        thread = threading.Thread(target=old)
        thread.start()
        config = folder / "postroad.toml"
        config.write_text(postroad.toml({"server": {"data": folder / "data"}, "listener": [{"port": port}], "log": {"format": "none"}}))
        process = subprocess.Popen([postroad.BINARY, "serve", "--config", config, "--take-over"], env=postroad.CLEAN, stdout=subprocess.PIPE)
        try:
            self.assertIn("listening on", postroad.LineReader(process.stdout.fileno()).next() or "nothing")
            with by_hand.Session(port) as session:
                self.assertTrue(session.greeting.startswith("220"))
        finally:
            thread.join(postroad.PATIENCE)
            process.terminate()
            self.assertEqual(process.wait(postroad.PATIENCE), 0)
            process.stdout.close()

    def test_one_that_ends_hands_nothing_over(self):
        with postroad.Server({"listener": [{}], "limits": {"drain": "20s"}}) as server, by_hand.Session(server.port) as session:
            for line in ("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@x.example>", "DATA"):
                session.say(line)
            server.terminate()
            postroad.eventually(lambda: server.events("server.stopping"))
            done = postroad.eventually(lambda: (lambda d: d if d.returncode == 66 else None)(
                postroad.run("serve", "--config", server.config, "--take-over")))
            self.assertIn("no server uses this data folder", done.stderr)
            session.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            self.assertTrue(session.reply().startswith("250"))

    def test_two_servers_on_one_folder(self):
        server = self.enterContext(postroad.Server(self.SETTINGS))
        done = postroad.run("serve", "--config", server.config)
        self.assertEqual(done.returncode, 73)
        self.assertRegex(done.stderr, "in use by another server")

    def test_nobody_to_take_over_from(self):
        folder = self.enterContext(postroad.Folder())
        done = postroad.run("serve", "--set", f"server.data={folder.path / 'data'}", "--take-over")
        self.assertEqual(done.returncode, 66)
        self.assertIn("no server uses this data folder", done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--senders", type=int, default=SENDERS)
    options, rest = parser.parse_known_args()
    ROUNDS, SENDERS = options.rounds, options.senders
    unittest.main(argv=sys.argv[:1] + rest, verbosity=2)
