# A real name server for the tests.
import shutil
import socket
import subprocess

import postroad
from peers import free_port
from postroad import HOST, PATIENCE, ROOT

SOA = "$TTL 3600\n@ IN SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 300\n@ IN NS ns.{zone}.\nns IN A 127.0.0.1\n"


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
