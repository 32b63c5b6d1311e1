#!/usr/bin/python3
"""`./dev bench`: figures beside peers, in one run on one machine, as tables and, with --json, as JSON lines.

intake   durable, 10 KB, sessions kept; into Postfix too. Also 100 KB, and a new connection for each message.
sink     without storage, 4 KB, 100 sessions; into smtp-sink and, where npm has it, smtp-server too.
idle     memory per waiting session, with 9,000 sessions, plain and under TLS.
memory   memory that 100 sessions with 50 MB each add to an idle server.
client   the fastest sender into smtp-sink, over one connection and ten, 10 KB.
latency  how long one of 50 sessions waits for its reply; the load is one thread on the same cores.
mail     speed and memory of composing and parsing messages; GMime and VMime too.
start    CPU time of `postroad --version` and of one `postroad send` without TLS; msmtp and curl too.
tls      full and resumed handshakes a second, and durable intake of 10 KB under STARTTLS; Postfix too.
relay    in over SMTP and out over SMTP, to one next hop, and to 100 sites of which 10 stall; Postfix too.
deferred memory, restart and intake with a million messages (a thousand times --messages) that wait for their retry.

Read the ratios, not the single figures: machines are shared and noisy. --runs 3 shows how far they spread.
"""

import argparse
import json
import pathlib
import resource
import socket
import ssl
import subprocess
import threading
import time

import deferred
import mails
import relay
import senders
import start
import tls
from servers import Ours, OursKeepsNothing, Postfix, SmtpServer, SmtpSink, cpu_seconds, postroad
from certificates import Certificates

HERE = pathlib.Path(__file__).resolve().parent
IDLE = 9000


def load(port, sessions, messages, size, kept=True):
    """smtp-source; returns the wall time."""
    begin = time.monotonic()
    subprocess.run(["/usr/sbin/smtp-source", *(["-d"] if kept else []), "-s", str(sessions), "-m", str(messages), "-l", str(size),
                    "-f", "a@bench.example", "-t", "b@bench.example", f"inet:127.0.0.1:{port}"], check=True)
    return time.monotonic() - begin


def measure_latency(port, sessions, size):
    program = HERE.parent / "build/release/bin/smtp_latency"
    each = max(100, 2000 // sessions)
    done = subprocess.run([program, f"smtp://127.0.0.1:{port}", str(sessions), str(each), str(size)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


# ---- the benches -----------------------------------------------------------------------------------------------------

def throughput(peer, sessions, messages, size, kept):
    with peer() as one:
        load(one.port, sessions, max(sessions, messages // 10), size, kept)
        before = cpu_seconds(one.pids())
        wall = load(one.port, sessions, messages, size, kept)
        cpu = cpu_seconds(one.pids()) - before
    return {"peer": one.name, "sessions": sessions, "messages": messages, "bytes": size, "kept": kept,
            "per_second": round(messages / wall, 1), "cpu_s_per_thousand": round(cpu * 1000 / messages, 3)}


def compare(bench, title, candidates, sessions, size, kept=True):
    """One row per (peer, messages); the first is ours, and the others get their ratio to it."""
    rows = []
    for peer, messages in candidates:
        row = {"bench": bench, **throughput(peer, sessions, messages, size, kept)}
        if rows:
            row["ratio"] = round(rows[0]["per_second"] / row["per_second"], 2)
        rows.append(row)
        print(f"{title:>26} {row['peer']:>12} {row['per_second']:>9} /s {row['cpu_s_per_thousand']:>8} CPU s/1000"
              + (f"   ours is {row['ratio']} times" if "ratio" in row else ""), flush=True)
    return rows


def bench_intake(options):
    many = options.messages
    rows = []
    for sessions in options.sessions:
        scale = 5 if sessions == 1 else 1
        rows += compare("intake", f"10 KB, {sessions} sessions", [(Ours, 10 * many // scale), (Postfix, many // scale)], sessions, 10240)
    rows += compare("intake", "100 KB, 50 sessions", [(Ours, 3 * many), (Postfix, many // 2)], 50, 102400)
    rows += compare("intake", "10 KB, new connections", [(Ours, 10 * many), (Postfix, many)], 100, 10240, kept=False)
    return rows


def bench_sink(options):
    candidates = [(OursKeepsNothing, 60 * options.messages), (SmtpSink, 60 * options.messages)]
    missing = SmtpServer.is_missing()
    if missing:
        print(f"smtp-server: not measured, {missing}")
    else:
        candidates.append((SmtpServer, 10 * options.messages))
    return compare("sink", "4 KB, 100 sessions", candidates, 100, 4096)


def bench_latency(options):
    rows = []
    for sessions in options.sessions:
        for peer in (Ours, Postfix):
            with peer() as one:
                row = {"bench": "latency", "peer": one.name, "sessions": sessions, "bytes": 10240, **measure_latency(one.port, sessions, 10240)}
            rows.append(row)
            print(f"{f'10 KB, {sessions} sessions':>26} {row['peer']:>12}   p50 {row['p50_ms']:>7} ms   p99 {row['p99_ms']:>7} ms", flush=True)
    return rows


def open_idle(port, context):
    connection = socket.create_connection((postroad.HOST, port))
    connection.recv(512)
    if context is not None:
        connection.sendall(b"EHLO idle.example\r\nSTARTTLS\r\n")
        heard = b""
        while b"220 " not in heard:
            heard += connection.recv(4096)
        connection = context.wrap_socket(connection)
    connection.sendall(b"EHLO idle.example\r\n")
    connection.recv(4096)
    return connection


def bench_idle(options):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE, hard - 500)
    rows = []
    for kind in ("plain", "TLS"):
        with postroad.Folder() as folder:
            certificate, key = Certificates(folder.path).make("idle")
            context = ssl._create_unverified_context() if kind == "TLS" else None
            settings = {"listener": [{"tls": "offered", "certificate": certificate, "key": key}], "log": {"format": "none"},
                        "limits": {"command": "30min"}}
            with postroad.Server(settings) as server:
                open_idle(server.port, context).close()
                before, sessions = postroad.resident(server.pid), []
                for _ in range(count):
                    sessions.append(open_idle(server.port, context))
                each = (postroad.resident(server.pid) - before) / count
                for session in sessions:
                    session.close()
        row = {"bench": "idle", "peer": "postroad", "kind": kind, "sessions": count, "kib_each": round(each / 1024, 2)}
        rows.append(row)
        print(f"{f'{count} idle sessions':>26} {kind:>12} {row['kib_each']:>9} KiB each", flush=True)
    return rows


def bench_memory(options):
    settings = {**Ours.SETTINGS, "limits": {"message_size": "100MiB"}}
    with postroad.Server(settings) as server:
        load(server.port, 10, 50, 10240)
        idle, most, over = postroad.resident(server.pid), [0], threading.Event()

        def watch():
            while not over.wait(0.05):
                most[0] = max(most[0], postroad.resident(server.pid))
        watcher = threading.Thread(target=watch)
        watcher.start()
        wall = load(server.port, 100, 100, 50_000_000)
        over.set()
        watcher.join()
    row = {"bench": "memory", "peer": "postroad", "sessions": 100, "bytes": 50_000_000, "mib_above_idle": round((most[0] - idle) / 2**20, 1),
           "mb_per_second": round(100 * 50 / wall, 1)}
    print(f"{'100 sessions of 50 MB':>26} {'postroad':>12} {row['mib_above_idle']:>9} MiB above idle, {row['mb_per_second']} MB/s", flush=True)
    return [row]


def bench_client(options):
    return senders.bench_client(SmtpSink, 10 * options.messages)


def bench_mail(options):
    del options
    return mails.bench_mail()


def bench_start(options):
    del options
    return start.bench_start(SmtpSink)


def bench_tls(options):
    return tls.bench_tls(options.messages)


def bench_relay(options):
    return relay.bench_relay(options.messages)


def bench_deferred(options):
    return deferred.bench_deferred(1000 * options.messages)


BENCHES = {"intake": bench_intake, "sink": bench_sink, "idle": bench_idle, "memory": bench_memory, "latency": bench_latency, "client": bench_client,
           "mail": bench_mail, "start": bench_start, "tls": bench_tls, "relay": bench_relay,
           "deferred": bench_deferred}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", choices=[*BENCHES, []], help="which; none: all")
    parser.add_argument("--sessions", type=int, nargs="+", default=[50], help="of intake and latency")
    parser.add_argument("--messages", type=int, default=1000, help="into Postfix; more into what is quicker")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="appends a JSON line a row")
    options = parser.parse_args()
    for run in range(options.runs):
        for name in options.bench or BENCHES:
            print(f"{name}, run {run + 1} of {options.runs}", flush=True)
            rows = BENCHES[name](options)
            if options.json:
                with open(options.json, "a", encoding="utf-8") as out:
                    out.writelines(json.dumps({**row, "run": run + 1}) + "\n" for row in rows)


if __name__ == "__main__":
    main()
