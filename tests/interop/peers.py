# Real receivers for our client, each private to one test: Postfix with its own configuration and queue, smtp-sink, aiosmtpd.
# Each is on loopback, in a temporary folder, and ended by its own process id. The messages that they accepted are returned as
# bytes with CRLF, without the fields that they put in front.
import asyncio
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import postroad
from postroad import HOST, PATIENCE, need_program, run_program

def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


def listening_port(pid):
    """The TCP port on which a process listens, from /proc."""
    inodes = set()
    for descriptor in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(descriptor.path)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == "0A" and columns[9] in inodes:
            return int(columns[1].split(":")[1], 16)
    return None


class SmtpSink(contextlib.AbstractContextManager):
    """Postfix's smtp-sink; it writes each message to a file of its own."""

    def __init__(self, *flags):
        program = need_program("smtp-sink")
        self.folder = postroad.Folder()
        self.dumps = self.folder.path / "dumps"
        self.dumps.mkdir()
        as_user = []
        if os.geteuid() == 0:  # smtp-sink that root starts needs another user
            user = pwd.getpwnam("nobody")
            os.chmod(self.folder.path, 0o755)
            os.chown(self.dumps, user.pw_uid, user.pw_gid)
            as_user = ["-u", "nobody"]
        self.process = subprocess.Popen([program, *as_user, *flags, "-d", f"{self.dumps}/m.", f"{HOST}:0", "100"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.port = postroad.eventually(lambda: listening_port(self.process.pid), self.process, "smtp-sink listens")
        except BaseException:
            self.__exit__()
            raise

    def mails(self, count):
        """The messages as they arrived, once `count` files are there and complete."""
        files = postroad.eventually(lambda: (lambda found: found if len(found) >= count else None)(sorted(self.dumps.iterdir())), self.process,
                      f"{count} dumps lie there")
        return [self._message(path.read_bytes()) for path in files]

    @staticmethod
    def _message(octets):
        # smtp-sink prepends X-Client-Addr … X-Rcpt-Args and a Received field.
        octets = postroad.crlf(octets)
        while re.match(rb"X-(Client|Helo|Mail|Rcpt)[-\w]*:", octets):
            octets = octets.split(b"\r\n", 1)[1]
        _, octets = postroad.take_field(octets, b"Received")
        # smtp-sink ends a dump with an empty line.
        return octets[:-2] if octets.endswith(b"\r\n\r\n") else octets

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.folder.__exit__()


class Postfix(contextlib.AbstractContextManager):
    """A Postfix of its own: configuration, queue and mailboxes in a temporary folder, smtpd on one loopback port; messages for
    sink.example go into a Maildir by virtual(8). Postfix needs root."""

    SERVICES = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
"""

    def __init__(self, certificate=None, key=None, settings="", services=None, files=None):
        """`settings` are further lines of main.cf; `services` are further smtpd by name, each with its `-o` options, whose ports
        are then in `ports`; `files` are further files of the configuration's folder."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("Postfix starts as root only")
        self.program = need_program("postfix")
        self.folder = postroad.Folder()
        root = self.folder.path
        root.chmod(0o755)
        self.port = free_port()
        self.ports = {name: free_port() for name in services or {}}
        owner = pwd.getpwnam("postfix")
        mailbox_owner = pwd.getpwnam("nobody")
        for name in ("etc", "queue", "data", "mail"):
            (root / name).mkdir(mode=0o755)
        os.chown(root / "data", owner.pw_uid, owner.pw_gid)
        os.chown(root / "mail", mailbox_owner.pw_uid, mailbox_owner.pw_gid)
        for name, content in (files or {}).items():
            (root / "etc" / name).parent.mkdir(exist_ok=True)
            (root / "etc" / name).write_text(content)
        tls = f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n" if certificate else ""
        (root / "etc/main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/data/log
maillog_file_prefixes = {root}
myhostname = postfix.test.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
smtputf8_enable = yes
smtputf8_autodetect_classes = all
in_flow_delay = 0
smtpd_error_sleep_time = 0
virtual_mailbox_domains = sink.example
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{mailbox_owner.pw_uid}
virtual_gid_maps = static:{mailbox_owner.pw_gid}
virtual_minimum_uid = 1
virtual_transport = virtual
default_transport = discard
{tls}{settings}""")
        more = "".join(f"{HOST}:{port} inet n - n - - smtpd {' '.join('-o ' + one for one in services[name])}\n" for name, port in self.ports.items())
        (root / "etc/master.cf").write_text(self.SERVICES.format(port=f"{HOST}:{self.port}") + more)
        done = run_program(self.program, "-c", root / "etc", "start", timeout=60)
        if done.returncode != 0:
            self.folder.__exit__()
            raise AssertionError(f"postfix start: {done.stderr}{done.stdout}")
        # `start` returns when master listens.
        self.master = int((root / "queue/pid/master.pid").read_text())

    @property
    def log(self):
        path = self.folder.path / "data/log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logged(self, pattern):
        """The first match in the log, once it is there."""
        return postroad.eventually(lambda: re.search(pattern, self.log), None, f"Postfix's log says {pattern}")

    def queued(self, queue_id):
        """The envelope and the data of a queued message, as postcat prints them."""
        done = run_program(need_program("postcat"), "-c", self.folder.path / "etc", "-q", queue_id)
        if done.returncode != 0:
            raise AssertionError(f"postcat: {done.stderr}")
        return done.stdout

    def mails(self, count):
        new = self.folder.path / "mail/box/new"
        files = postroad.eventually(lambda: (lambda found: found if len(found) >= count else None)(sorted(new.iterdir()) if new.is_dir() else []), None,
                      f"{count} mails lie in Postfix's mailbox")
        return [self._message(path.read_bytes()) for path in files]

    @staticmethod
    def _message(octets):
        octets = postroad.crlf(octets)
        for name in (b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received"):
            _, octets = postroad.take_field(octets, name)
        return octets

    def __exit__(self, *_):
        done = run_program(self.program, "-c", self.folder.path / "etc", "stop", timeout=60)
        if done.returncode != 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.master, signal.SIGTERM)
        self.folder.__exit__()


class Exim(contextlib.AbstractContextManager):
    """An Exim of its own. Its daemon delivers messages for sink.example into a Maildir and refuses the recipient `full` after the
    data (PRDR); `hand_in` submits a message for another domain, which Exim sends to the loopback port `next_port` before `hand_in`
    returns.

    Debian's package conflicts with Postfix: ./dev setup unpacks it into build/exim. Exim requires a user of its own, which a mount
    namespace provides if the system has none."""

    USER = "Debian-exim"
    INTO_NAMESPACE = 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"'

    def __init__(self, next_port=9):
        if os.geteuid() != 0:
            raise unittest.SkipTest("Exim starts as root only")
        program = shutil.which("exim4", path=f"{postroad.ROOT}/build/exim/usr/sbin:/usr/sbin")
        if not program:
            raise unittest.SkipTest("Exim is missing: ./dev setup unpacks it into build/exim")
        self.folder = postroad.Folder()
        root = self.folder.path
        root.chmod(0o755)
        wrapper, user, group = [], 65533, 65533
        try:
            user, group = pwd.getpwnam(self.USER)[2:4]
        except KeyError:
            for name, row in (("passwd", f"{self.USER}:x:{user}:{group}::/:/bin/false\n"), ("group", f"{self.USER}:x:{group}:\n")):
                self.folder.write(name, pathlib.Path("/etc", name).read_text() + row)
            wrapper = ["unshare", "--mount", "sh", "-c", self.INTO_NAMESPACE, str(root)]
        for name in ("spool", "mail", "log"):
            (root / name).mkdir()
            os.chown(root / name, user, group)
        self.port = free_port()
        config = self.folder.write("exim.conf", f"""\
exim_path = {program}
primary_hostname = exim.test.example
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/spool/pid
local_interfaces = {HOST}
daemon_smtp_ports = {self.port}
deliver_drop_privilege
keep_environment =
message_logs = false
rfc1413_query_timeout = 0s
tls_advertise_hosts =
prdr_enable
dsn_advertise_hosts = *
acl_smtp_rcpt = taken
acl_smtp_data_prdr = each
begin acl
taken:
  accept
each:
  deny local_parts = full
       message = the box is full
  accept
begin routers
here:
  driver = accept
  domains = sink.example
  transport = box
elsewhere:
  driver = manualroute
  route_list = * {HOST}
  self = send
  transport = out
begin transports
box:
  driver = appendfile
  directory = {root}/mail
  maildir_format
out:
  driver = smtp
  port = {next_port}
  allow_localhost
  hosts_avoid_tls = *
""")
        self.process = None
        self.command = [*wrapper, program, "-C", str(config)]
        try:
            done = run_program(*self.command, "-bV")
            if done.returncode != 0:
                raise unittest.SkipTest(f"Exim does not run here: {done.stderr}")
            self.process = subprocess.Popen([*self.command, "-bdf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            postroad.eventually(self._listens, self.process, "Exim listens")
        except BaseException:
            self.__exit__()
            raise

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), PATIENCE) as probe:
            return probe.recv(3) == b"220"
        return False

    @property
    def log(self):
        path = self.folder.path / "log/mainlog"
        return path.read_text(errors="replace") if path.exists() else ""

    def hand_in(self, message, sender, recipients):
        done = run_program(*self.command, "-odi", "-i", "-f", sender, "-d-all+transport", *recipients, input=message.replace(b"\r\n", b"\n"))
        if done.returncode != 0:
            raise AssertionError(f"exim: {done.stderr}")
        return done.stderr

    def mails(self, count):
        new = self.folder.path / "mail/new"
        files = postroad.eventually(lambda: (lambda found: found if len(found) >= count else None)(sorted(new.iterdir()) if new.is_dir() else []), None,
                                    f"{count} mails lie in Exim's mailbox")
        return [postroad.take_field(postroad.crlf(path.read_bytes()), b"Received")[1] for path in files]

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self.folder.__exit__()


class Aiosmtpd(contextlib.AbstractContextManager):
    """python3-aiosmtpd in a thread; `mails` holds (reverse-path, recipients, bytes) of each message."""

    def __init__(self, tls=None, users=None, **options):
        try:
            from aiosmtpd.smtp import SMTP, AuthResult
        except ImportError:
            postroad.missing("aiosmtpd is missing: ./dev setup installs python3-aiosmtpd")
        self.mails, self.logins = [], []

        def check(server, session, envelope, mechanism, data):
            user, password = data.login.decode(), data.password.decode()
            right = (users or {}).get(user) == password
            self.logins.append((mechanism, user, right))
            return AuthResult(success=right, handled=False) if not right else AuthResult(success=True)

        class Handler:
            @staticmethod
            async def handle_DATA(server, session, envelope):
                self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
                return "250 2.0.0 Ok: taken"

        options.setdefault("enable_SMTPUTF8", True)
        if users is not None:
            options |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls is not None}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

        async def listen():
            return await self.loop.create_server(lambda: SMTP(Handler(), loop=self.loop, hostname="aiosmtpd.example", **options), HOST, 0)
        self.server = asyncio.run_coroutine_threadsafe(listen(), self.loop).result(PATIENCE)
        self.port = self.server.sockets[0].getsockname()[1]

    def __exit__(self, *_):
        async def close():
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(close(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()
