"""The servers that the benches measure: ours, and peers beside it. Each is a context with `name`, `port` and `pids()`."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests/support"), str(HERE.parent / "tests/interop")]
os.environ.setdefault("POSTROAD", str(HERE.parent / "build/release/bin/postroad"))

import peers  # noqa: E402
import postroad  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """User and system time of processes and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / TICK


def family(pid):
    """A process and all its descendants."""
    found = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += family(int(child))
    return found


class Ours(contextlib.ExitStack):
    name = "postroad"
    SETTINGS = {"delivery": {"local": "discard"}, "log": {"format": "json", "level": "info"}}

    def __enter__(self):
        self.server = self.enter_context(postroad.Server(self.SETTINGS))
        self.port = self.server.port
        return self

    def pids(self):
        return [self.server.pid]


class OursKeepsNothing(Ours):
    SETTINGS = {"spool": {"keeps": "nothing"}, "log": {"format": "none"}}


class Postfix(contextlib.ExitStack):
    name = "postfix"

    def __enter__(self):
        self.postfix = self.enter_context(peers.Postfix())
        self.port = self.postfix.port
        return self

    def pids(self):
        return family(self.postfix.master)


class Program(contextlib.ExitStack):
    """A peer that is one process and cannot choose a free port itself."""

    def command(self, port):
        raise NotImplementedError

    def __enter__(self):
        self.port = peers.free_port()
        self.process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.callback(self.end)

        def is_there():
            with socket.socket() as probe:
                return probe.connect_ex((postroad.HOST, self.port)) == 0
        postroad.eventually(is_there, self.process)
        return self

    def end(self):
        self.process.terminate()
        self.process.wait(postroad.PATIENCE)

    def pids(self):
        return [self.process.pid]


class SmtpSink(Program):
    name = "smtp-sink"

    def command(self, port):
        return ["/usr/sbin/smtp-sink", *(["-u", "nobody"] if os.geteuid() == 0 else []), f"{postroad.HOST}:{port}", "1024"]


class SmtpServer(Program):
    """nodemailer's smtp-server, which accepts everything; npm installs it into build/bench if there is a network."""
    name = "smtp-server"
    FOLDER = HERE.parent / "build/bench"
    SCRIPT = """const {SMTPServer} = require('smtp-server');
new SMTPServer({authOptional: true, disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true, logger: false,
  onData(stream, session, done) { stream.resume(); stream.on('end', () => done()); }}).listen(+process.argv[1], '127.0.0.1');"""

    @classmethod
    def is_missing(cls):
        if not shutil.which("node") or not shutil.which("npm"):
            return "node and npm are not installed"
        cls.FOLDER.mkdir(parents=True, exist_ok=True)
        if not (cls.FOLDER / "node_modules/smtp-server").is_dir():
            done = subprocess.run(["npm", "install", "--silent", "smtp-server"], cwd=cls.FOLDER, check=False, capture_output=True)
            if done.returncode != 0:
                return "npm could not fetch it"
        return None

    def command(self, port):
        return ["node", "-e", self.SCRIPT, str(port)]

    def __enter__(self):
        here = os.getcwd()
        os.chdir(self.FOLDER)
        try:
            return super().__enter__()
        finally:
            os.chdir(here)
