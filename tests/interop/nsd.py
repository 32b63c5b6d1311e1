# A real name server for the tests, and signed zones.
import pathlib
import shutil
import socket
import subprocess
import threading

import postroad
from peers import free_port
from postroad import HOST, PATIENCE, ROOT, need_program, run_program

SOA = "$TTL 3600\n@ IN SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 300\n@ IN NS ns.{zone}.\nns IN A 127.0.0.1\n"


def sign(folder, zone, text, *flags):
    """The zone signed with a key of its own, as text, and its DS record."""
    path = folder.write(f"{zone}.zone", text)
    made = run_program(need_program("ldns-keygen"), "-a", "ECDSAP256SHA256", "-k", zone, cwd=folder.path)
    key = made.stdout.strip()
    done = run_program(need_program("ldns-signzone"), *flags, "-o", f"{zone}.", path, key, cwd=folder.path)
    if done.returncode != 0:
        raise AssertionError(f"ldns-signzone: {done.stderr}{made.stderr}")
    return pathlib.Path(f"{path}.signed").read_text(), (folder.path / f"{key}.ds").read_text()


class Nsd:
    """nsd with some zones, {name: content}, on a loopback port of its own. Its package, which would start a server on port 53, is not
    installed: ./dev setup unpacks it into build/nsd."""

    def __init__(self, zones):
        program = shutil.which("nsd", path=f"{ROOT}/build/nsd/usr/sbin:/usr/sbin")
        if not program:
            postroad.missing("nsd is missing: ./dev setup unpacks it into build/nsd")
        self.folder = postroad.Folder()
        root = self.folder.path
        port = free_port()
        self.address = f"{HOST}@{port}"
        config = f"""\
server:
  ip-address: {HOST}@{port}
  username: ""
  chroot: ""
  zonesdir: "{root}"
  database: ""
  pidfile: "{root}/nsd.pid"
  xfrdfile: "{root}/xfrd.state"
  zonelistfile: "{root}/zone.list"
  xfrdir: "{root}"
  logfile: "{root}/nsd.log"
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
"""
        for number, (zone, content) in enumerate(zones.items()):
            (root / f"{number}.zone").write_text(content)
            config += f'zone:\n  name: "{zone}"\n  zonefile: "{number}.zone"\n'
        path = self.folder.write("nsd.conf", config)
        self.process = subprocess.Popen([program, "-d", "-c", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            postroad.eventually(self._answers, self.process, "nsd answers")
        except BaseException as error:
            log = root / "nsd.log"
            text = log.read_text() if log.exists() else ""
            self.__exit__()
            raise AssertionError(f"nsd did not start: {text}") from error

    def _answers(self):
        query = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1"  # the root, NS: refused, but answered
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(1)
            probe.connect((HOST, int(self.address.split("@")[1])))
            try:
                probe.send(query)
                return probe.recv(512).startswith(b"\x12\x34")
            except OSError:
                return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.folder.__exit__()


class DnsProxy:
    """Passes queries on to a name server over UDP, except for those of one type: they get SERVFAIL, or no answer."""

    def __init__(self, nsd, failing_type, silent=False):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.address = f"{HOST}@{self.socket.getsockname()[1]}"
        self.server = (HOST, int(nsd.address.split("@")[1]))
        self.failing_type, self.silent, self.failed = failing_type, silent, 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if not query:
                return
            end = query.index(b"\0", 12) + 1
            if int.from_bytes(query[end:end + 2], "big") != self.failing_type:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
                    onward.settimeout(PATIENCE)
                    onward.sendto(query, self.server)
                    self.socket.sendto(onward.recv(65535), client)
                continue
            self.failed += 1
            if not self.silent:
                self.socket.sendto(query[:2] + b"\x81\x82" + query[4:6] + b"\0" * 6 + query[12:end + 4], client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", self.socket.getsockname())
        self.thread.join(PATIENCE)
        self.socket.close()
