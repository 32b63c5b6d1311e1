#!/usr/bin/python3
"""`./dev bench`: figures beside peers, in one run on one machine. `intake`: smtp-source into our server with the durable spool and a
discard route, and into Postfix with its discard transport: the same messages, the same sessions. A table, and JSON lines with --json.

Read the ratios, not the single figures: machines are shared and noisy. Latencies come from bench/smtp_latency.cpp, a second load.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests/support"), str(HERE.parent / "tests/interop")]
os.environ.setdefault("POSTROAD", str(HERE.parent / "build/release/bin/postroad"))

import peers  # noqa: E402
import postroad  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """User and system time of processes, and of the children that they have waited for."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / TICK


def family(pid):
    """A process and all below it."""
    found = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += family(int(child))
    return found


def load(port, sessions, messages, size):
    """smtp-source over kept connections; returns the wall time."""
    begin = time.monotonic()
    subprocess.run(["/usr/sbin/smtp-source", "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size),
                    "-f", "a@bench.example", "-t", "b@bench.example", f"inet:127.0.0.1:{port}"], check=True)
    return time.monotonic() - begin


def latency(port, sessions, size):
    program = HERE.parent / "build/release/bin/smtp_latency"
    each = max(100, 2000 // sessions)
    done = subprocess.run([program, f"smtp://127.0.0.1:{port}", str(sessions), str(each), str(size)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


class Ours:
    name = "postroad"

    def __enter__(self):
        self.server = postroad.Server({"delivery": {"local": "discard"}, "log": {"format": "json", "level": "info"}}).__enter__()
        self.port = self.server.port
        return self

    def pids(self):
        return [self.server.pid]

    def syncs_per_message(self):
        """Over its whole life; known once it has ended."""
        self.server.stop()
        closed, = self.server.events("spool.closed")
        return round(closed["syncs"] / closed["commits"], 3)

    def __exit__(self, *why):
        self.server.__exit__(*why)


class Theirs:
    name = "postfix"

    def __enter__(self):
        self.postfix = peers.Postfix().__enter__()
        self.port = self.postfix.port
        return self

    def pids(self):
        return family(self.postfix.master)

    def syncs_per_message(self):
        return 1.0  # cleanup(8) syncs each queue file

    def __exit__(self, *why):
        self.postfix.__exit__(*why)


def measure(peer, sessions, messages, size):
    with peer() as one:
        load(one.port, sessions, max(20, messages // 10), size)
        before = cpu_seconds(one.pids())
        wall = load(one.port, sessions, messages, size)
        cpu = cpu_seconds(one.pids()) - before
        row = {"bench": "intake", "peer": one.name, "sessions": sessions, "messages": messages, "octets": size,
               "per_second": round(messages / wall, 1), "cpu_s_per_thousand": round(cpu * 1000 / messages, 3)}
        row.update(latency(one.port, sessions, size))
        row["syncs_per_message"] = one.syncs_per_message()
        return row


def intake(options):
    rows = []
    print(f"{'sessions':>8} {'peer':>9} {'mails/s':>9} {'CPU s/1000':>11} {'p50 ms':>8} {'p99 ms':>8} {'syncs/mail':>11}")
    for sessions in options.sessions:
        for peer in (Ours, Theirs):
            messages = options.messages if peer is Theirs else options.messages * 5
            if sessions == 1:
                messages = max(200, messages // 5)
            row = measure(peer, sessions, messages, options.size)
            rows.append(row)
            print(f"{sessions:>8} {row['peer']:>9} {row['per_second']:>9} {row['cpu_s_per_thousand']:>11} {row['p50_ms']:>8} {row['p99_ms']:>8} {row['syncs_per_message']:>11}", flush=True)
        ours, theirs = rows[-2], rows[-1]
        print(f"{'':>8} {'ratio':>9} {ours['per_second'] / theirs['per_second']:>8.1f}x", flush=True)
    if options.json:
        with open(options.json, "a", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="?", default="intake", choices=["intake"])
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 50, 100])
    parser.add_argument("--messages", type=int, default=1000, help="into Postfix; five times as many into ours, which is quicker")
    parser.add_argument("--size", type=int, default=10240)
    parser.add_argument("--json", metavar="FILE", help="appends a JSON line a row")
    options = parser.parse_args()
    intake(options)


if __name__ == "__main__":
    main()
