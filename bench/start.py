"""`./dev bench start`: the cost of starting a process, and of one message without TLS into smtp-sink. The figure is the median CPU
time (user and system); wall time means little on a shared machine."""

import os
import pathlib
import shutil
import statistics
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin/postroad"
RUNS = 30
MESSAGE = b"From: a@bench.example\r\nTo: b@bench.example\r\nSubject: bench\r\n\r\nhello\r\n"
ADDRESSES = ("a@bench.example", "b@bench.example")


def commands(port):
    """(what, peer, command, standard input); ours is the first of each kind."""
    sender, recipient = ADDRESSES
    found = [("--version", "postroad", [PROGRAM, "--version"], None)]
    if shutil.which("msmtp"):
        found.append(("--version", "msmtp", ["msmtp", "--version"], None))
    if shutil.which("curl"):
        found.append(("--version", "curl", ["curl", "--version"], None))
    found.append(("send", "postroad", [PROGRAM, "send", "--server", f"smtp://127.0.0.1:{port}", "--from", sender, "--to", recipient,
                                       "--subject", "bench", "--text", "hello"], None))
    if shutil.which("msmtp"):
        found.append(("send", "msmtp", ["msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={port}", "--tls=off", "--auth=off", f"--from={sender}", recipient],
                      MESSAGE))
    if shutil.which("curl"):
        found.append(("send", "curl", ["curl", "--silent", f"smtp://127.0.0.1:{port}", "--mail-from", sender, "--mail-rcpt", recipient, "--upload-file", "-"],
                      MESSAGE))
    return found


def cpu_of(command, text):
    """CPU milliseconds of one run."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE, stdout=subprocess.DEVNULL)
    if text is not None:
        process.stdin.write(text)
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def bench_start(sink):
    """One row per command. `sink` makes the server."""
    rows = []
    with sink() as server:
        for what, peer, command, text in commands(server.port):
            times = [cpu_of(command, text) for _ in range(RUNS + 1)][1:]
            row = {"bench": "start", "what": what, "peer": peer, "cpu_ms": round(statistics.median(times), 1), "cpu_ms_min": round(min(times), 1)}
            rows.append(row)
            print(f"{what:>26} {peer:>12} {row['cpu_ms']:>9} ms CPU, at least {row['cpu_ms_min']}", flush=True)
    return rows
