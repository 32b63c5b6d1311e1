# Shared by the Python tests: a server in a folder of its own, users, the command, Maildirs. Expectations are in the tests, not
# here. Sessions played by hand, from either end, are in by_hand.py; certificates are in certificates.py.
# One test by hand: PYTHONPATH=tests/support tests/scenarios/test_stop.py (with /usr/bin/python3, which has aiosmtpd).
# The command is found by the environment variable POSTROAD, else build/release/bin/postroad of this tree.
# Every wait is for a condition (a line, an end of file, a mail) and has a bound; ports are the kernel's choice; everything
# is on loopback and in a temporary folder that goes away with the object that made it.
import base64
import contextlib
import json
import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("POSTROAD", str(ROOT / "build/release/bin/postroad")))
PATIENCE = 30.0  # seconds: the bound of every wait, far more than any of them needs
HOST = "127.0.0.1"

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("POSTROAD_")}
CLEAN["NO_COLOR"] = "1"
NO_SUCH_HOST = "a" * 64 + ".example"  # a label that is too long: invalid without a DNS query
STEP = 0.05  # seconds between two polls where nothing notifies


def need_program(name):
    """The path of a peer's program. If it is missing, the test fails under CI and is skipped with the reason elsewhere."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path:
        return path
    missing(f"the program {name} is missing: ./dev setup installs it")


def missing(sentence):
    if os.environ.get("CI"):
        raise AssertionError(sentence)
    raise unittest.SkipTest(sentence)


def run(*arguments, env=None, input=None, cwd=None, timeout=PATIENCE, **rest):
    """Runs `postroad ARGUMENTS`; .stdout and .stderr are text, .returncode is the exit code."""
    return run_program(BINARY, *arguments, env=env, input=input, cwd=cwd, timeout=timeout, **rest)


def run_program(*arguments, env=None, input=None, timeout=PATIENCE, **rest):
    if isinstance(input, str):
        input = input.encode()
    how = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    done = subprocess.run([str(a) for a in arguments], env={**CLEAN, **(env or {})}, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **how, **rest)
    done.stdout = done.stdout.decode("utf-8", "surrogateescape")
    done.stderr = done.stderr.decode("utf-8", "surrogateescape")
    return done


# ---- configuration ---------------------------------------------------------------------------------------------------

def toml(settings):
    """A configuration from {"server": {…}, "listener": [{…}, …], …}: the part of TOML that Postroad needs."""
    lines = []
    for name, table in settings.items():
        for row in table if isinstance(table, list) else [table]:
            lines.append(f"[[{name}]]" if isinstance(table, list) else f"[{name}]")
            lines += [f"{key} = {toml_value(value)}" for key, value in row.items()]
            lines.append("")
    return "\n".join(lines) + "\n"


def toml_value(value):
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, pathlib.Path):
        value = str(value)
    return json.dumps(value)  # strings, numbers and booleans are written alike in both


class Folder(contextlib.AbstractContextManager):
    """A temporary folder that is removed at the end."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="postroad-test-"))

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, content, mode=0o644):
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path


# ---- the server ------------------------------------------------------------------------------------------------------

class Server(contextlib.AbstractContextManager):
    """`postroad serve` on a configuration, in a folder of its own (or in `folder`, which then stays).

    Without settings: one catcher listener that accepts addresses without a domain. `ports` are in the order of the listeners.
    Standard output and the log (standard error, JSON lines by default) are collected in `output` and `log`.
    """

    def __init__(self, settings=None, folder=None, wrapper=(), env=None, **process):
        self._own = Folder() if folder is None else None
        self.folder = self._own.path if self._own else pathlib.Path(folder)
        self.data = self.folder / "data"
        self.users = self.folder / "users"
        settings = {name: (dict(table) if isinstance(table, dict) else [dict(row) for row in table])
                    for name, table in (settings or {}).items()}
        settings.setdefault("server", {})
        settings["server"].setdefault("hostname", "mail.test.example")
        settings["server"].setdefault("data", self.data)
        self.data = pathlib.Path(settings["server"]["data"])
        settings.setdefault("listener", [{"allow_bare_addresses": True}])
        for listener in settings["listener"]:
            listener.setdefault("port", 0)
        settings.setdefault("log", {"format": "json", "level": "debug"})
        self.config = self.folder / "postroad.toml"
        self.config.write_text(toml(settings))
        self.wrapper, self.env, self.how = list(wrapper), env, process
        self.count = len(settings["listener"])
        self.process, self.ports, self.output = None, [], []
        self.log_path = self.folder / "serve.log"
        self.start()

    def start(self):
        self.ports, self.output = [], []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.wrapper + [BINARY, "serve", "--config", str(self.config)], cwd=self.folder,
                                            env={**CLEAN, **(self.env or {})}, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, **self.how)
        lines = LineReader(self.process.stdout.fileno())
        while len(self.ports) < self.count:
            line = lines.next()
            if line is None:
                code = self.process.wait(PATIENCE)
                raise AssertionError(f"the server did not start (exit code {code}): {self.log}")
            self.output.append(line)
            if line.startswith("listening on "):
                self.ports.append(int(line.split()[2].rstrip(",").rsplit(":", 1)[1]))
        # The later output is small (one line) and fits the pipe.
        return self

    @property
    def port(self):
        return self.ports[0]

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def events(self, name=None):
        """The JSON log, as dictionaries."""
        found = []
        for line in self.log.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if name is None or event.get("event") == name:
                found.append(event)
        return found

    def kill(self):
        """kill -9."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def terminate(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)

    def wait_end(self, timeout=PATIENCE):
        code = self.process.wait(timeout)
        self.process.stdout.close()
        return code

    def stop(self):
        """Sends SIGTERM; returns the exit code."""
        if self.process.poll() is not None:
            return self.process.returncode
        self.terminate()
        try:
            return self.wait_end()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not end after SIGTERM") from None

    def restart(self):
        self.kill()
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                code = self.stop()
                if code not in (0, -signal.SIGKILL):
                    raise AssertionError(f"the server ended with {code}: {self.log[-2000:]}")
            else:
                self.kill()
                print(f"--- the end of the server's log ---\n{self.log[-1500:]}", file=sys.stderr)
        finally:
            if self._own:
                self._own.__exit__()

    # Messages that arrived.

    def wait_mail(self, count=1, subject=None, timeout=20):
        """Waits with `postroad mail wait`; returns the Maildir files."""
        flags = ["--subject", subject] if subject else []
        done = run("mail", "wait", "--data", self.data, "--count", count, "--timeout", f"{timeout}s", *flags, timeout=timeout + 20)
        if done.returncode != 0:
            raise AssertionError(f"mail wait: exit code {done.returncode}: {done.stderr}{self.log[-2000:]}")
        return self.mails()

    def mails(self):
        return read_maildirs(self.data / "mail")


def resident(pid):
    """Resident memory of a process in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} is gone")


@contextlib.contextmanager
def no_more_threads(pid):
    """A process gets no memory for the stack of another thread. That works for root's processes too, unlike RLIMIT_NPROC."""
    if is_sanitized():
        raise unittest.SkipTest("not applicable: a sanitizer reserves more memory than a limit allows")
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmSize:"):
            size = int(line.split()[1]) * 1024
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (size + (1 << 20), before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, before)


def is_sanitized():
    """Whether the command was built with a sanitizer, which uses more memory."""
    return any(word in pathlib.Path(BINARY).read_bytes() for word in (b"__asan_init", b"__tsan_init"))


def eventually(condition, process=None, what="the condition", timeout=PATIENCE):
    """Polls until `condition()` returns something true; ends at once when `process` does. Nothing notifies of the things that are
    watched here (another program's socket, its files), so the pause is a wait for that program's end."""
    for _ in range(int(timeout / STEP)):
        found = condition()
        if found:
            return found
        if process is None:
            threading.Event().wait(STEP)
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(STEP)
            raise AssertionError(f"the peer ended with {code} before {what} held")
    raise AssertionError(f"{what} did not come to hold in {timeout} s")


class LineReader:
    """Lines of a descriptor; waits at most PATIENCE for each; None at the end of file."""

    def __init__(self, descriptor):
        self.descriptor, self.rest = descriptor, b""

    def next(self, timeout=PATIENCE):
        while b"\n" not in self.rest:
            if not select.select([self.descriptor], [], [], timeout)[0]:
                raise AssertionError(f"no line came; so far: {self.rest!r}")
            octets = os.read(self.descriptor, 4096)
            if not octets:
                return None
            self.rest += octets
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")


def add_user(path, name, password, *flags):
    done = run("user", "add", name, "--file", path, "--password-env", "TEST_PW", *flags, env={"TEST_PW": password})
    if done.returncode != 0:
        raise AssertionError(f"user add: {done.stderr}")


# ---- mail that arrived -----------------------------------------------------------------------------------------------

class Mail:
    """One file of a Maildir."""

    def __init__(self, mailbox, path):
        self.mailbox, self.path, self.octets = mailbox, path, path.read_bytes()
        self.return_path, self.delivered_to, self.received, self.message = split_trace(self.octets)


def read_maildirs(root):
    mails = []
    root = pathlib.Path(root)
    for box in sorted(root.iterdir()) if root.is_dir() else []:
        for part in ("new", "cur"):
            for path in sorted((box / part).iterdir()) if (box / part).is_dir() else []:
                mails.append(Mail(box.name, path))
    return mails


def take_field(octets, name):
    """The first field of `octets`, which must be `name`, with its continuation lines; and the rest."""
    if not octets.lower().startswith(name.lower() + b":"):
        raise AssertionError(f"the field {name.decode()} should stand here: {octets[:120]!r}")
    end = octets.index(b"\r\n") + 2
    while octets[end:end + 1] in (b" ", b"\t"):
        end = octets.index(b"\r\n", end) + 2
    return octets[len(name) + 1:end].strip(), octets[end:]


def split_trace(octets):
    """(Return-Path, Delivered-To, Received, the message as it was sent)."""
    return_path, rest = take_field(octets, b"Return-Path")
    delivered_to, rest = take_field(rest, b"Delivered-To")
    received, rest = take_field(rest, b"Received")
    return return_path, delivered_to, received, rest


def crlf(octets):
    """Line ends as they are on the wire."""
    if isinstance(octets, str):
        octets = octets.encode()
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def same_octets(test, got, sent, what=""):
    """Compares byte by byte; shows the first difference with its surroundings."""
    if got == sent:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, sent)) if a != b), min(len(got), len(sent)))
    around = slice(max(0, at - 40), at + 40)
    test.fail(f"{what}: {len(got)} octets came, {len(sent)} were sent; from octet {at} on they differ:\n"
              f"came {got[around]!r}\nsent {sent[around]!r}")


# A message that a careless peer would damage: dots at line starts, a line with one dot, an empty line at the end, a long line.
HARD_MESSAGE = crlf("""\
From: Tester <sender@client.example>
To: reader@test.example
Subject: dots and blanks
Message-ID: <hard@client.example>
Date: Tue, 02 Jan 2024 03:04:05 +0000
X-Folded: one
\ttwo

.begins with a dot
..with two
.
a lone dot stood before this line
ends with blanks  \t
""" + "x" * 900 + "\n\n.\n\nthe end\n")

EIGHT_BIT_MESSAGE = crlf("""\
From: Tester <sender@client.example>
To: reader@test.example
Subject: eight bits
Message-ID: <eight@client.example>
Date: Tue, 02 Jan 2024 03:04:05 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

郵件內容 – Grüße, naïve façade
.點
""")


def encodings_of_secret(user, password):
    """Every form in which a password appears in a protocol or a URL."""
    raw = password.encode()
    forms = {password, base64.b64encode(raw).decode(), base64.b64encode(b"\0" + user.encode() + b"\0" + raw).decode()}
    return {form.rstrip("=") for form in forms}
