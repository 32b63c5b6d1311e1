# The server process: runs as server.user, in the sandbox, with the protocols of systemd, log rotation, and metrics on loopback.
import contextlib
import http.client
import json
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import by_hand
import postroad

TEXT = b"Subject: running\r\n\r\nhello\r\n"


def free_port():
    with socket.create_server((postroad.HOST, 0)) as listener:
        return listener.getsockname()[1]


def status(pid, field):
    return re.search(rf"^{field}:\s+(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]


class Running(unittest.TestCase):
    def server(self, settings=None, **how):
        return self.enterContext(postroad.Server({"listener": [{}], **(settings or {})}, **how))

    def send(self, server, port=None):
        with by_hand.Session(port or server.port) as session:
            session.say("EHLO client.example")
            self.assertTrue(session.mail("a@b.example", ["c@x.example"], TEXT).startswith("250"))
            session.say("QUIT")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_root_binds_and_becomes_its_user(self):
        folder = self.enterContext(postroad.Folder()).path
        folder.chmod(0o755)
        port = next(port for port in range(1023, 600, -1) if not self.is_taken(port))
        server = self.server({"server": {"user": "nobody"}, "listener": [{"port": port}]}, folder=folder)
        entry = pwd.getpwnam("nobody")
        self.assertEqual(status(server.pid, "Uid").split(), [str(entry.pw_uid)] * 4)
        self.assertEqual(status(server.pid, "Gid").split(), [str(entry.pw_gid)] * 4)
        self.assertEqual(int(status(server.pid, "CapEff"), 16), 0)
        self.send(server, port)
        mail, = server.wait_mail(1)
        self.assertEqual(mail.path.stat().st_uid, entry.pw_uid)
        self.assertEqual(postroad.run("serve", "--reload", "--config", server.config).returncode, 0)

    def is_taken(self, port):
        with socket.socket() as probe:
            return probe.connect_ex((postroad.HOST, port)) == 0

    def test_no_such_user(self):
        done = postroad.run("serve", "--set", "server.user=no-such-user", "--set", "listener.port=0", "--set", f"server.data={self.enterContext(postroad.Folder()).path}/d",
                            "--set", "log.format=none")
        self.assertEqual(done.returncode, 78)
        self.assertIn("there is no user 'no-such-user'", done.stderr)

    # NoNewPrivileges shows in /proc. Landlock does not: a log moved out of the allowed folders cannot be opened again.
    def test_it_is_confined(self):
        outside = self.enterContext(postroad.Folder()).path
        inside = self.enterContext(postroad.Folder()).path
        (inside / "log").mkdir()
        server = self.server({"log": {"format": "json", "level": "debug", "file": inside / "log" / "mail.log"}})
        self.assertEqual(status(server.pid, "NoNewPrivs"), "1")
        (inside / "log").rename(inside / "moved")
        (inside / "log").symlink_to(outside)
        os.kill(server.pid, signal.SIGUSR1)
        old = inside / "moved" / "mail.log"
        postroad.eventually(lambda: "mail.log" in old.read_text() and "log.not_reopened" in old.read_text())
        self.assertEqual(list(outside.iterdir()), [])
        self.send(server)
        server.wait_mail(1)

    def test_the_log_is_rotated_by_a_signal(self):
        folder = self.enterContext(postroad.Folder()).path
        path = folder / "mail.log"
        server = self.server({"log": {"format": "json", "level": "debug", "file": path}})
        self.send(server)
        server.wait_mail(1)
        path.rename(folder / "mail.log.1")
        os.kill(server.pid, signal.SIGUSR1)
        postroad.eventually(path.exists)
        self.send(server)
        postroad.eventually(lambda: "message.accepted" in path.read_text())
        self.assertIn("message.accepted", (folder / "mail.log.1").read_text())
        self.assertEqual(server.log, "")

    # One line gives the outcome of a message.
    def test_one_line_for_a_mails_fate(self):
        server = self.server()
        self.send(server)
        server.wait_mail(1)
        accepted = postroad.eventually(lambda: server.events("message.accepted"))[0]
        done = postroad.eventually(lambda: server.events("recipient.delivered"))[0]
        self.assertEqual(done["id"], accepted["id"])
        self.assertEqual((done["from"], done["to"], done["client"]), ("<a@b.example>", "c@x.example", accepted["client"]))
        self.assertEqual((done["protocol"], done["tls"], done["attempts"]), ("ESMTP", "none", 1))
        self.assertGreater(done["size"], accepted["size"], "with its Received field")
        self.assertGreaterEqual(done["delay"], 0)
        self.assertEqual((accepted["tls"], accepted["protocol"], accepted["recipients"]), ("none", "ESMTP", 1))

    def get(self, port, path, method="GET"):
        connection = http.client.HTTPConnection(postroad.HOST, port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def test_metrics_and_health(self):
        port = free_port()
        server = self.server({"metrics": {"listen": f"127.0.0.1:{port}"}})
        self.send(server)
        server.wait_mail(1)
        postroad.eventually(lambda: server.events("recipient.delivered"))
        answer, body = self.get(port, "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        values = dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
        self.assertEqual(values["postroad_message_accepted_total"], "1")
        self.assertEqual(values["postroad_recipient_delivered_total"], "1")
        self.assertEqual(values["postroad_spool_commits_total"], "1")
        self.assertGreater(int(values["process_resident_memory_bytes"]), 1 << 20)
        self.assertGreater(int(values["process_open_fds"]), 5)
        # The reference, which is generated from the declarations, contains every name.
        reference = postroad.run("metrics").stdout
        for name in {re.sub(r"\{.*", "", key) for key in values}:
            self.assertIn(f"`{name}`", reference)
        dashboard = json.loads((postroad.ROOT / "examples/grafana/postroad.json").read_text())
        asked = {name for panel in dashboard["panels"] for target in panel["targets"] for name in re.findall(r"(?:postroad|process)_\w+", target["expr"])}
        self.assertGreater(len(asked), 20)
        for name in asked:
            self.assertIn(f"`{name}`", reference)
        answer, body = self.get(port, "/healthz")
        self.assertEqual((answer.status, body), (200, "ok\n"))
        self.assertEqual(self.get(port, "/else")[0].status, 404)
        self.assertEqual(self.get(port, "/healthz", "POST")[0].status, 405)
        answer, body = self.get(port, "/metrics", "HEAD")
        self.assertEqual((answer.status, body), (200, ""))

    def test_no_room_is_not_healthy(self):
        port = free_port()
        self.server({"metrics": {"listen": f"127.0.0.1:{port}"}, "spool": {"reserve": "1000TiB"}})
        answer, body = self.get(port, "/healthz")
        self.assertEqual(answer.status, 503)
        self.assertIn("reserve", body)

    @unittest.skipUnless(os.path.ismount("/dev/shm"), "needs a disk that nobody else fills")
    def test_each_change_of_the_spools_health_is_told_once(self):
        port = free_port()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postroad-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        disk = os.statvfs(folder)
        reserve = disk.f_bavail * disk.f_frsize - (16 << 20)
        server = self.enterContext(postroad.Server({"metrics": {"listen": f"127.0.0.1:{port}"}, "spool": {"reserve": reserve}}, folder=folder))
        postroad.eventually(lambda: "postroad_spool_healthy 1\n" in self.get(port, "/metrics")[1])
        with open(folder / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, 32 << 20)
        event = postroad.eventually(lambda: server.events("spool.failing"))[0]
        self.assertIn("reserve", event["reason"])
        self.assertEqual(self.get(port, "/healthz")[0].status, 503)
        self.assertIn("postroad_spool_healthy 0\n", self.get(port, "/metrics")[1])
        (folder / "filler").unlink()
        postroad.eventually(lambda: server.events("spool.recovered"))
        self.assertEqual(self.get(port, "/healthz")[0].status, 200)
        self.assertEqual((len(server.events("spool.failing")), len(server.events("spool.recovered"))), (1, 1))

    def health(self, port):
        """The answer of /healthz, and the metric of the mailboxes."""
        answer, body = self.get(port, "/healthz")
        return answer.status, body, re.search(r"^postroad_mailboxes_healthy (\d)$", self.get(port, "/metrics")[1], re.M)[1]

    # Root may write everywhere, so its server runs as another user.
    def test_each_change_of_the_mailboxes_health_is_told_once(self):
        port = free_port()
        folder = self.enterContext(postroad.Folder()).path
        folder.chmod(0o755)
        server = self.server({"server": {"user": "nobody"} if os.geteuid() == 0 else {}, "metrics": {"listen": f"127.0.0.1:{port}"},
                              "retry": {"initial_delay": "100ms", "max_delay": "200ms"}}, folder=folder)
        self.assertEqual(self.health(port), (200, "ok\n", "1"))
        mailboxes = server.data / "mail"
        mailboxes.chmod(0o555)
        self.addCleanup(mailboxes.chmod, 0o755)
        self.send(server)
        self.send(server)
        postroad.eventually(lambda: len(server.events("recipient.deferred")) >= 3)
        status, body, metric = self.health(port)
        self.assertEqual((status, metric), (503, "0"))
        self.assertRegex(body, rf"^mailboxes: .*{mailboxes}.*Permission denied")
        mailboxes.chmod(0o755)
        server.wait_mail(2)
        up, = postroad.eventually(lambda: server.events("site.up"))
        self.assertEqual(self.health(port), (200, "ok\n", "1"))
        down, = server.events("site.down")
        self.assertEqual((down["site"], up["site"]), ("mailboxes", "mailboxes"))
        self.assertIn("Permission denied", down["reason"])

    # A disk of its own, in a mount namespace. No message comes that would show that there is room again.
    def test_mailboxes_on_a_full_disk_are_not_healthy_until_there_is_room(self):
        port = free_port()
        folder = self.enterContext(postroad.Folder()).path
        mailboxes = folder / "data" / "mail"
        mailboxes.mkdir(parents=True)
        wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs -o size=8m none "$0" && exec "$@"', mailboxes]
        if postroad.run_program(*wrapper, "true").returncode != 0:
            self.skipTest("not applicable: this user may make no mount namespace")
        server = self.server({"metrics": {"listen": f"127.0.0.1:{port}"}, "retry": {"initial_delay": "1h", "max_delay": "1h"}},
                             folder=folder, wrapper=wrapper)
        filler = pathlib.Path(f"/proc/{server.pid}/root{mailboxes}/filler")
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        self.send(server)
        self.send(server)
        postroad.eventually(lambda: server.events("site.down"))
        status, body, metric = self.health(port)
        self.assertEqual((status, metric), (503, "0"))
        self.assertIn("No space left on device", body)
        filler.unlink()
        self.assertEqual(self.health(port), (200, "ok\n", "1"))
        self.assertEqual(server.events("site.up"), [], "nothing has been tried")
        self.send(server)
        postroad.eventually(lambda: server.events("recipient.delivered"))
        postroad.eventually(lambda: server.events("site.up"))
        self.assertEqual((len(server.events("site.down")), len(server.events("site.up"))), (1, 1))

    # One descriptor more at each start, until it has enough.
    @unittest.skipIf(postroad.is_sanitized(), "not applicable: UBSan needs descriptors for its own checks")
    def test_a_start_without_enough_descriptors_says_what_it_lacks(self):
        folder = self.enterContext(postroad.Folder()).path
        config = folder / "postroad.toml"
        said = []
        for descriptors in range(5, 100):
            config.write_text(postroad.toml({"server": {"data": folder / f"data{descriptors}", "threads": 1}, "listener": [{"port": 0}], "log": {"format": "none"},
                                             "metrics": {"listen": f"127.0.0.1:{free_port()}"}}))
            with subprocess.Popen([postroad.BINARY, "serve", "--config", config], env=postroad.CLEAN, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))) as process:
                if postroad.LineReader(process.stdout.fileno()).next():
                    process.terminate()
                    self.assertEqual(process.wait(postroad.PATIENCE), 0)
                    break
                said.append(process.stderr.read().decode())
                self.assertIn(process.wait(postroad.PATIENCE), (70, 73), said[-1])
                self.assertIn("Too many open files", said[-1])
        for what in ("sites: cannot be read", "metrics.listen: the socket cannot be duplicated", "control.sock: the data folder cannot be opened"):
            self.assertTrue(any(what in text for text in said), f"{what}: {said}")

    # A child of the server would keep its ports and its log open after the server ends.
    def test_no_listening_socket_is_inherited_by_children(self):
        server = self.server({"metrics": {"listen": f"127.0.0.1:{free_port()}"}})
        listening = {line.split()[9] for name in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/{server.pid}/net/{name}").read_text().splitlines()[1:]
                     if line.split()[3] == "0A"}
        found = 0
        for entry in pathlib.Path(f"/proc/{server.pid}/fd").iterdir():
            target = os.readlink(entry)
            if not target.startswith("socket:[") or target[8:-1] not in listening:
                continue
            found += 1
            flags = pathlib.Path(f"/proc/{server.pid}/fdinfo/{entry.name}").read_text().split("flags:")[1].split()[0]
            self.assertTrue(int(flags, 8) & os.O_CLOEXEC, f"{target} is open across exec")
        self.assertEqual(found, 3, "the listener, the metrics' socket and its duplicate")

    def test_a_socket_from_systemd_that_is_none_of_ours_is_closed(self):
        unix, datagram = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(unix.close)
        self.addCleanup(datagram.close)

        def hand_down():
            os.dup2(unix.fileno(), 100)
            os.dup2(datagram.fileno(), 101)
            os.dup2(100, 3)
            os.dup2(101, 4)
            os.close(100)
            os.close(101)
        wrapper = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"', "sh"]
        with postroad.Server({"listener": [{"port": 0}]}, wrapper=wrapper, preexec_fn=hand_down, close_fds=False) as server:
            targets = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{server.pid}/fd").iterdir()]
            for one in (unix, datagram):
                self.assertNotIn(os.readlink(f"/proc/self/fd/{one.fileno()}"), targets)

    def test_a_disk_that_refuses_is_not_healthy(self):
        port = free_port()
        server = self.server({"metrics": {"listen": f"127.0.0.1:{port}"}, "log": {"format": "none"}},
                             preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                                 resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))))
        self.assertEqual(self.get(port, "/healthz")[0].status, 200)
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            self.assertRegex(session.mail("a@b.example", ["c@x.example"], b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 10_000), r"^45[12] ")
        # The client may read the reply a moment before the metric changes.
        postroad.eventually(lambda: self.get(port, "/healthz")[0].status == 503)

    def test_odd_requests_get_an_answer(self):
        port = free_port()
        self.server({"metrics": {"listen": f"127.0.0.1:{port}"}})
        for request, code in ((b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b"405"), (b"\0\1\2 what\r\n\r\n", b"400"),
                              (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"431")):
            with socket.create_connection((postroad.HOST, port), timeout=10) as line:
                line.sendall(request)
                self.assertEqual(line.recv(12), b"HTTP/1.1 " + code, request[:20])
        # Clients that connect and send nothing do not block others.
        silent = [self.enterContext(socket.create_connection((postroad.HOST, port))) for _ in range(40)]
        self.assertEqual(self.get(port, "/healthz")[0].status, 200)
        self.assertEqual(len(silent), 40)

    # `postroad serve 2>&1 | less`: the reader stops, the server continues.
    def test_a_log_that_nobody_reads_stops_nothing(self):
        folder = self.enterContext(postroad.Folder()).path
        config = folder / "postroad.toml"
        config.write_text(postroad.toml({"server": {"data": folder / "data"}, "listener": [{"port": 0}], "log": {"level": "debug"}}))
        with subprocess.Popen([postroad.BINARY, "serve", "--config", config], env=postroad.CLEAN, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            port = int(postroad.LineReader(process.stdout.fileno()).next().split()[2].rstrip(",").rsplit(":", 1)[1])
            for _ in range(400):
                with by_hand.Session(port) as session:
                    session.say("EHLO " + "a" * 60 + ".example")
                    session.say("QUIT")
            process.terminate()
            self.assertEqual(process.wait(postroad.PATIENCE), 0)

    def test_metrics_on_loopback_only(self):
        for listen in ("0.0.0.0:9925", "192.0.2.1:9925", "9925", "127.0.0.1", "127.0.0.1:99999", "localhost:1"):
            done = postroad.run("serve", "--set", f"metrics.listen={listen}", "--set", f"server.data={self.enterContext(postroad.Folder()).path}/d")
            self.assertEqual(done.returncode, 78, listen)
            self.assertIn("metrics.listen", done.stderr)


class Systemd(unittest.TestCase):
    """The protocol of sd_notify(3) and sd_listen_fds(3), played by a socket of the test."""

    def setUp(self):
        self.folder = self.enterContext(postroad.Folder()).path
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notes.close)
        self.notes.bind(str(self.folder / "notify"))
        self.notes.settimeout(postroad.PATIENCE)

    def until(self, word):
        heard = []
        while not any(word in note for note in heard):
            heard.append(self.notes.recv(4096).decode())
        return heard

    def test_ready_reloading_stopping_watchdog(self):
        env = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "600000"}
        with postroad.Server({"listener": [{}]}, env=env) as server:
            self.assertIn(f"READY=1\nMAINPID={server.pid}", self.until("READY=1")[0])
            self.until("WATCHDOG=1")
            self.until("WATCHDOG=1")
            os.kill(server.pid, signal.SIGHUP)
            note = self.until("RELOADING=1")[-1]
            self.assertRegex(note, r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
            self.until("READY=1")
            server.terminate()
            self.assertRegex(self.until("STOPPING=1")[-1], r"EXTEND_TIMEOUT_USEC=\d+")

    def test_socket_activation(self):
        wanted, extra = socket.create_server((postroad.HOST, 0)), socket.create_server((postroad.HOST, 0))
        self.addCleanup(wanted.close)
        self.addCleanup(extra.close)
        port = wanted.getsockname()[1]
        with by_hand.Session(port, greet=False) as early:  # before the server is up
            def hand_down():
                os.dup2(wanted.fileno(), 100)
                os.dup2(extra.fileno(), 101)
                os.dup2(100, 3)
                os.dup2(101, 4)
                os.set_inheritable(3, True)
                os.set_inheritable(4, True)
            wrapper = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"', "sh"]
            with postroad.Server({"listener": [{"port": port}]}, wrapper=wrapper, preexec_fn=hand_down, close_fds=False) as server:
                self.assertEqual(server.ports, [port])
                self.assertTrue(early.reply().startswith("220"))
                unused = server.events("socket.unused")
                self.assertEqual([event["address"] for event in unused], [f"[127.0.0.1]:{extra.getsockname()[1]}"])

    def test_the_unit_is_what_systemd_understands(self):
        unit = postroad.ROOT / "packaging" / "postroad.service"
        if not postroad.shutil.which("systemd-analyze"):
            self.skipTest("systemd is not installed here")
        done = postroad.run_program("systemd-analyze", "verify", "--man=no", unit)
        wrong = [line for line in done.stderr.splitlines() if "postroad.service" in line and "is not executable" not in line]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
