# server.login_command and server.login_url check users who are not in the users file. Cases: right, wrong, no answer, a password
# that could break out of a JSON string, a program that hangs, tokens; a stop, a reload and a client that leaves while a check runs; and
# the backend is never asked about a user of the file.
import base64
import http.server
import json
import select
import stat
import threading
import time
import unittest

from certificates import Certificates, server_context
import postroad
from by_hand import Session
from postroad import Server, add_user


class Service(http.server.ThreadingHTTPServer):
    """Knows one user, in JSON."""

    def __init__(self):
        super().__init__((postroad.HOST, 0), Handler)
        self.asked = []
        self.status = None
        self.go = threading.Event()  # it answers nothing before
        self.go.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://{postroad.HOST}:{self.server_port}/login"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        self.server.go.wait(postroad.PATIENCE)
        right = asked["user"] == "ann" and (asked.get("password") == 'se"cr\\et\u00e9' or asked.get("token") == "tok")
        self.send_response(self.server.status or (204 if right else 401))
        self.end_headers()

    def log_message(self, *_):
        pass


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class LoginCheck(unittest.TestCase):
    LISTENER = {"auth": True, "allow_auth_in_clear": True}

    def try_login(self, server, user, password):
        with Session(server.port) as session:
            session.say("EHLO client.example")
            return session.say(plain(user, password))

    def begin_login(self, server, user="ann"):
        """A session whose login is being checked, or waits for that."""
        session = self.enterContext(Session(server.port))
        session.say("EHLO client.example")
        session.send(plain(user, 'se"cr\\et\u00e9') + "\r\n")
        return session

    def assert_waits(self, session):
        self.assertEqual(select.select([session.socket], [], [], 0)[0], [], "a reply came")

    def program(self, place, script):
        path = place.write("check", "#!/bin/sh\n" + script, 0o700)
        return {"login_command": [str(path)], "login_timeout": "30s"}

    def held(self, place):
        """A command that says when it begins and ends, and accepts every login once the file `go` is there."""
        return self.program(place, f"echo begins >&2\nwhile [ ! -e {place.path}/go ]; do sleep 0.05; done\necho ends >&2\n")

    def wait_for_begin(self, server, count=1):
        postroad.eventually(lambda: server.log.splitlines().count("begins") >= count, what="the command's begin")

    def has_children(self, server):
        return postroad.run_program("pgrep", "-P", server.pid).returncode == 0  # zombies count

    def test_http(self):
        with Service() as service, Server({"server": {"login_url": service.url}, "listener": [self.LISTENER]}) as server:
            self.assertTrue(self.try_login(server, "ann", 'se"cr\\et\u00e9').startswith("235"))
            self.assertTrue(self.try_login(server, "ann", "wrong").startswith("535"))
            self.assertTrue(self.try_login(server, "bob", "secret").startswith("535"))
            service.status = 500
            self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
            self.assertIn("127.0.0.1", service.asked[0]["client"])
            with Session(server.port) as session:
                ehlo = session.say("EHLO client.example")
                self.assertIn("AUTH OAUTHBEARER XOAUTH2 PLAIN LOGIN", ehlo)
                service.status = None
                token = base64.b64encode(b"user=ann\x01auth=Bearer tok\x01\x01").decode()
                self.assertTrue(session.say(f"AUTH XOAUTH2 {token}").startswith("235"))
            service.shutdown()

    def test_https(self):
        with postroad.Folder() as place, Service() as service:
            certificates = Certificates(place.path)
            service.socket = server_context(*certificates.make("service")).wrap_socket(service.socket, server_side=True)
            settings = {"server": {"login_url": service.url.replace("http://127.0.0.1", "https://localhost")}, "listener": [self.LISTENER]}
            with Server(settings, env={"SSL_CERT_FILE": str(certificates.ca)}) as server:
                self.assertTrue(self.try_login(server, "ann", 'se"cr\\et\u00e9').startswith("235"))
                self.assertTrue(self.try_login(server, "ann", "wrong").startswith("535"))
            with Server(settings) as server:  # only this test trusts its certificate
                self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
            self.assertEqual(len(service.asked), 2)
            service.shutdown()

    # The system's CA certificates are read at the start and at each reload, not while a session waits.
    def test_https_with_certificates_that_change(self):
        with postroad.Folder() as place, Service() as service:
            certificates = Certificates(place.path)
            service.socket = server_context(*certificates.make("service")).wrap_socket(service.socket, server_side=True)
            settings = {"server": {"login_url": service.url.replace("http://127.0.0.1", "https://localhost")}, "listener": [self.LISTENER]}
            bundle = place.write("bundle.pem", "no certificate\n")
            with Server(settings, env={"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": "/nonexistent"}) as server:
                self.assertTrue(self.try_login(server, "ann", 'se"cr\\et\u00e9').startswith("454"))
                unchecked = postroad.eventually(lambda: server.events("login.unchecked"))
                self.assertRegex(unchecked[0]["reason"], "^localhost: .*certificate")
                bundle.write_bytes(certificates.ca.read_bytes())
                done = postroad.run("serve", "--reload", "--config", server.config)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(self.try_login(server, "ann", 'se"cr\\et\u00e9').startswith("235"))
            service.shutdown()

    def test_nobody_answers(self):
        with Server({"server": {"login_url": "http://127.0.0.1:1/", "login_timeout": "1s"}, "listener": [self.LISTENER]}) as server:
            self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
            unchecked = postroad.eventually(lambda: server.events("login.unchecked"))
            self.assertEqual(unchecked[0]["user"], "ann")
            self.assertRegex(unchecked[0]["reason"], r"^127\.0\.0\.1.*refused")

    def test_command(self):
        with postroad.Folder() as place:
            program = place.path / "check"
            program.write_text("#!/usr/bin/python3\nimport json, sys\nasked = json.load(sys.stdin)\n"
                               "if asked['user'] == 'broken': sys.exit(3)\n"
                               "sys.exit(0 if (asked['user'], asked['password']) == ('ann', 'secret') else 1)\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            with Server({"server": {"login_command": [str(program)], "login_timeout": "5s"}, "listener": [self.LISTENER]}) as server:
                self.assertTrue(self.try_login(server, "ann", "secret").startswith("235"))
                self.assertTrue(self.try_login(server, "ann", "no").startswith("535"))
                self.assertTrue(self.try_login(server, "broken", "x").startswith("454"))
                unchecked = postroad.eventually(lambda: server.events("login.unchecked"))
                self.assertEqual(unchecked[0]["reason"], f"{program}: exit code 3 is neither 0 (right) nor 1 (wrong)")

    def test_a_command_that_hangs_is_ended(self):
        with postroad.Folder() as place:
            program = place.path / "check"
            program.write_text("#!/bin/sh\nexec sleep 60\n")
            program.chmod(0o700)
            with Server({"server": {"login_command": [str(program)], "login_timeout": "200ms"}, "listener": [self.LISTENER]}) as server:
                self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
                postroad.eventually(lambda: not self.has_children(server), what="the command's end", timeout=5)
                unchecked = postroad.eventually(lambda: server.events("login.unchecked"))
                self.assertEqual(unchecked[0]["reason"], f"{program}: did not end before the deadline and was killed")

    # A program that leaves its process group is not reached by a signal to the group.
    def leaver(self, place, seconds):
        path = place.write("check", "#!/usr/bin/python3\nimport os, sys, time\nos.setpgid(0, os.getpgid(os.getppid()))\n"
                           "print('begins', file=sys.stderr, flush=True)\n" + f"time.sleep({seconds})\n", 0o700)
        return {"login_command": [str(path)]}

    def test_a_command_that_leaves_its_group_is_ended(self):
        with postroad.Folder() as place:
            settings = {**self.leaver(place, 40), "login_timeout": "2s"}
            with Server({"server": settings, "listener": [self.LISTENER]}) as server:
                begin = time.monotonic()
                self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
                self.assertLess(time.monotonic() - begin, 20)
                postroad.eventually(lambda: not self.has_children(server), what="the command's end", timeout=5)

    def test_a_stop_ends_a_command_that_left_its_group(self):
        with postroad.Folder() as place:
            settings = {**self.leaver(place, 40), "login_timeout": "60s"}
            with Server({"server": settings, "listener": [self.LISTENER]}) as server:
                session = self.begin_login(server)
                self.wait_for_begin(server)
                begin = time.monotonic()
                server.terminate()
                self.assertRegex(session.rest_until_end(), r"^421 4\.3\.2 .*\r\n$")
                self.assertEqual(server.wait_end(), 0, server.log)
                self.assertLess(time.monotonic() - begin, 20)

    # login_timeout counts from AUTH: logins that waited for their turn until then are answered at once.
    def test_many_logins_that_hang_are_answered_in_time(self):
        with postroad.Folder() as place:
            program = place.path / "check"
            program.write_text("#!/bin/sh\nexec sleep 60\n")
            program.chmod(0o700)
            with Server({"server": {"login_command": [str(program)], "login_timeout": "2s"}, "listener": [self.LISTENER]}) as server:
                sessions = [self.enterContext(Session(server.port)) for _ in range(80)]  # five for each check that may run
                for session in sessions:
                    session.say("EHLO client.example")
                begin = time.monotonic()
                for session in sessions:
                    session.send(plain("ann", "secret") + "\r\n")
                self.assertEqual({session.reply()[:3] for session in sessions}, {"454"})
                self.assertLess(time.monotonic() - begin, 7)

    # One thread serves all sessions, also while a command or a service is asked.
    def test_other_sessions_go_on_while_a_command_runs(self):
        with postroad.Folder() as place, Server({"server": {"threads": 1, **self.held(place)}, "listener": [self.LISTENER]}) as server:
            waiting = self.begin_login(server)
            self.wait_for_begin(server)
            with Session(server.port) as other:
                self.assertTrue(other.say("EHLO client.example").startswith("250"))
                self.assert_waits(waiting)
                place.write("go", "")
                self.assertTrue(waiting.reply().startswith("235"))
            postroad.eventually(lambda: not self.has_children(server), what="the command's end")

    def test_other_sessions_go_on_while_a_service_is_asked(self):
        settings = {"threads": 1, "login_timeout": "30s"}
        with Service() as service, Server({"server": {**settings, "login_url": service.url}, "listener": [self.LISTENER]}) as server:
            service.go.clear()
            waiting = self.begin_login(server)
            postroad.eventually(lambda: service.asked)
            with Session(server.port) as other:
                self.assertTrue(other.say("EHLO client.example").startswith("250"))
                self.assert_waits(waiting)
                service.go.set()
                self.assertTrue(waiting.reply().startswith("235"))
            service.shutdown()

    def test_sixteen_commands_at_once_and_the_others_in_turn(self):
        with postroad.Folder() as place, Server({"server": self.held(place), "listener": [self.LISTENER]}) as server:
            sessions = [self.begin_login(server, f"user{number}") for number in range(20)]
            self.wait_for_begin(server, 16)
            place.write("go", "")
            self.assertEqual({session.reply()[:3] for session in sessions}, {"235"})
            running = most = 0
            lines = [line for line in server.log.splitlines() if line in ("begins", "ends")]
            for line in lines:
                running += 1 if line == "begins" else -1
                most = max(most, running)
            self.assertEqual((len(lines), most), (40, 16))

    def test_a_stop_ends_the_command(self):
        with postroad.Folder() as place:
            program = {**self.program(place, "echo begins >&2\nexec sleep 62.25\n"), "login_timeout": "60s"}
            with Server({"server": program, "listener": [self.LISTENER]}) as server:
                sessions = [self.begin_login(server, f"user{number}") for number in range(18)]  # two wait for their turn
                self.wait_for_begin(server, 16)
                begin = time.monotonic()
                server.terminate()
                for session in sessions:
                    self.assertRegex(session.rest_until_end(), r"^421 4\.3\.2 .*\r\n$")
                self.assertEqual(server.wait_end(), 0, server.log)
                self.assertLess(time.monotonic() - begin, 20)
                self.assertEqual(postroad.run_program("pgrep", "-f", "^sleep 62[.]25$").returncode, 1, "the command still runs")

    def test_a_client_that_leaves_during_its_check(self):
        with postroad.Folder() as place, Server({"server": self.held(place), "listener": [self.LISTENER]}) as server:
            session = self.begin_login(server)
            self.wait_for_begin(server)
            session.socket.close()
            place.write("go", "")
            postroad.eventually(lambda: server.events("session.closed"))
            self.assertTrue(self.try_login(server, "ann", "secret").startswith("235"))
            postroad.eventually(lambda: not self.has_children(server), what="the command's end")

    # The check in progress keeps its configuration; the next one has the new one.
    def test_a_reload_during_a_check(self):
        with postroad.Folder() as place:
            program = self.held(place)
            with Server({"server": program, "listener": [self.LISTENER]}) as server:
                waiting = self.begin_login(server)
                self.wait_for_begin(server)
                old, new = (postroad.toml_value(command) for command in (program["login_command"], ["/bin/false"]))
                server.config.write_text(server.config.read_text().replace(old, new))
                for _ in range(2):
                    done = postroad.run("serve", "--reload", "--config", server.config)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertTrue(self.try_login(server, "ann", "secret").startswith("535"))
                self.assert_waits(waiting)
                place.write("go", "")
                self.assertTrue(waiting.reply().startswith("235"))

    # A script waits for its child programs, and they end with it. Neither inherits the server's sockets or its secrets.
    def test_a_command_gets_nothing_of_the_servers(self):
        with postroad.Folder() as place:
            program = place.path / "check"
            program.write_text("#!/bin/sh\nls -l /proc/$$/fd >&2\nenv >&2\nsleep 61.25\nexit 0\n")
            program.chmod(0o700)
            settings = {"server": {"login_command": [str(program)], "login_timeout": "1s"}, "listener": [self.LISTENER],
                        "delivery": {"smarthost": "smtp://127.0.0.1:9", "smarthost_user": "u"}}
            with Server(settings, env={"POSTROAD_DELIVERY_SMARTHOST_PASSWORD": "geheim"}) as server, Session(server.port):
                self.assertTrue(self.try_login(server, "ann", "secret").startswith("454"))
                self.assertIn("PATH=", server.log)
                self.assertNotIn("geheim", server.log)
                self.assertEqual(server.log.count("-> socket:"), 1, "its standard input")
                postroad.eventually(lambda: postroad.run_program("pgrep", "-f", "^sleep 61[.]25$").returncode == 1, what="its program's end", timeout=5)

    def test_the_file_goes_first(self):
        with Service() as service, postroad.Folder() as place:
            users = place.path / "users"
            add_user(users, "ann", "of the file")
            with Server({"server": {"login_url": service.url, "users": str(users)}, "listener": [self.LISTENER]}) as server:
                self.assertTrue(self.try_login(server, "ann", "of the file").startswith("235"))
                self.assertTrue(self.try_login(server, "ann", 'se"cr\\et\u00e9').startswith("535"))
                self.assertEqual(service.asked, [])
            service.shutdown()

    def test_wrong_settings_are_sentences(self):
        for settings, words in ((["server.login_command=check"], "absolute path"),
                                (["server.login_command=/nowhere/check"], "cannot be run"),
                                (["server.login_url=ftp://x"], "neither http nor https")):
            done = postroad.run("config", "check", *[word for one in settings for word in ("--set", one)])
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr + done.stdout)

    def test_a_wrong_login_waits_and_nobody_else(self):
        with postroad.Folder() as place:
            users = place.path / "users"
            add_user(users, "ann", "secret")
            with Server({"server": {"users": str(users)}, "limits": {"login_delay": "1s"},
                         "listener": [{**self.LISTENER, "role": "mx"}], "local": {"domains": ["test.example"], "mailboxes": ["postmaster"]}}) as server:
                with Session(server.port) as guesser, Session(server.port) as other:
                    guesser.say("EHLO client.example")
                    other.say("EHLO client.example")
                    begin = time.monotonic()
                    guesser.send(plain("ann", "wrong") + "\r\n")
                    self.assertTrue(other.say(plain("ann", "secret")).startswith("235"))
                    self.assertEqual(guesser.rest, b"")
                    self.assertTrue(guesser.reply().startswith("535"))
                    self.assertGreaterEqual(time.monotonic() - begin, 1)
                    self.assertTrue(guesser.say(plain("nobody", "wrong")).startswith("535"))
                    self.assertGreaterEqual(time.monotonic() - begin, 3)
                    guesser.send(plain("ann", "wrong") + "\r\n")
                    server.stop()  # does not wait for it


if __name__ == "__main__":
    unittest.main()
