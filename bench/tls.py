"""`./dev bench tls`: TLS in the server, beside Postfix with the same certificate. Handshakes: one connection each, by STARTTLS,
from Python processes that use a part of the same cores, so compare the server's CPU time per handshake. Intake: 10 KB over kept
connections with STARTTLS; both servers are durable."""

import contextlib
import multiprocessing
import os
import pathlib
import socket
import ssl
import subprocess
import time

from servers import Ours, cpu_seconds, family, peers, postroad
from certificates import Certificates

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin"
WORKERS = 4
SECONDS = 5
CONNECTIONS = 10


@contextlib.contextmanager
def ours(certificate, key):
    settings = {**Ours.SETTINGS, "listener": [{"tls": "offered", "certificate": certificate, "key": key}]}
    with postroad.Server(settings) as server:
        yield "postroad", server.port, lambda: [server.pid]


@contextlib.contextmanager
def postfix(certificate, key):
    # Postfix makes session tickets without a session cache of its own.
    with peers.Postfix(certificate, key) as server:
        yield "postfix", server.port, lambda: family(server.master)


def shake_hands(port, context, session):
    """One connection with STARTTLS; returns its TLS session and whether it was resumed."""
    with socket.create_connection((postroad.HOST, port), postroad.PATIENCE) as plain:
        plain.recv(512)
        plain.sendall(b"EHLO bench.example\r\n")
        heard = b""
        while not heard.endswith(b"\r\n") or b"250 " not in heard:
            heard += plain.recv(4096)
        plain.sendall(b"STARTTLS\r\n")
        plain.recv(512)
        with context.wrap_socket(plain, session=session) as connection:
            connection.sendall(b"EHLO bench.example\r\n")  # the reply comes after the tickets
            connection.recv(4096)
            return connection.session, connection.session_reused


def worker(port, resume, results):
    context = ssl._create_unverified_context()
    session, count, resumed, end = None, 0, 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        got, reused = shake_hands(port, context, session if resume else None)
        session, count, resumed = got, count + 1, resumed + bool(reused)
    results.put((count, resumed))


def handshakes(name, port, pids, resume):
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=worker, args=(port, resume, results)) for _ in range(WORKERS)]
    before, begin = cpu_seconds(pids()), time.monotonic()
    for one in workers:
        one.start()
    counts = [results.get() for _ in workers]
    for one in workers:
        one.join()
    count, resumed = (sum(column) for column in zip(*counts))
    cpu, wall = cpu_seconds(pids()) - before, time.monotonic() - begin
    return {"bench": "tls", "what": "resumed" if resume else "full", "peer": name, "per_second": round(count / wall, 1),
            "cpu_ms_each": round(1000 * cpu / count, 2), "resumed_share": round(resumed / count, 2)}


def intake(name, port, pids, messages, ca):
    before, begin = cpu_seconds(pids()), time.monotonic()
    subprocess.run([PROGRAMS / "smtp_send", f"smtp://localhost:{port}?tls=required", str(CONNECTIONS), str(messages), "10240"], check=True,
                   env={**os.environ, "SSL_CERT_FILE": str(ca)})
    wall, cpu = time.monotonic() - begin, cpu_seconds(pids()) - before
    return {"bench": "tls", "what": "intake", "peer": name, "messages": messages, "bytes": 10240, "per_second": round(messages / wall, 1),
            "cpu_ms_each": round(1000 * cpu / messages, 2)}


def show(row, first):
    share = f", {row['resumed_share']:.0%} resumed" if "resumed_share" in row else ""
    ratio = f"   ours: {row['cpu_ms_each'] / max(first['cpu_ms_each'], 0.01):.1f} times less CPU" if row is not first else ""
    print(f"{row['what']:>26} {row['peer']:>12} {row['per_second']:>9} /s {row['cpu_ms_each']:>8} ms CPU each{share}{ratio}", flush=True)


def bench_tls(messages):
    rows = []
    with postroad.Folder() as folder:
        certificates = Certificates(folder.path)
        certificate, key = certificates.make("bench")
        folder.path.chmod(0o755)
        for server, scale in ((ours, 10), (postfix, 1)):
            with server(certificate, key) as (name, port, pids):
                rows += [handshakes(name, port, pids, resume) for resume in (False, True)]
                rows.append(intake(name, port, pids, scale * messages, certificates.ca))
    rows.sort(key=lambda row: ("full", "resumed", "intake").index(row["what"]))
    for row in rows:
        show(row, next(one for one in rows if one["what"] == row["what"]))
    return rows
