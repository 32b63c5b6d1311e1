"""`./dev bench client`: the fastest sender into smtp-sink. Each sender is a process of its own: its wall time and CPU time are the
kernel's figures, with its start and end."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "build/release/bin"

SMTPLIB = """
import smtplib, sys, threading
port, connections, mails, size = map(int, sys.argv[1:])
line = b'0123456789012345678901234567890123456789012345678901234567890123\\r\\n'
text = b'Subject: bench\\r\\n\\r\\n' + line * -(-size // len(line))
def send(count):
    with smtplib.SMTP('127.0.0.1', port) as server:
        for _ in range(count):
            server.sendmail('a@bench.example', ['b@bench.example'], text)
threads = [threading.Thread(target=send, args=(mails // connections,)) for _ in range(connections)]
for one in threads: one.start()
for one in threads: one.join()
"""

NODEMAILER = """
const nodemailer = require('nodemailer');
const [port, connections, mails, size] = process.argv.slice(1).map(Number);
const line = '0123456789012345678901234567890123456789012345678901234567890123\\r\\n';
const raw = 'Subject: bench\\r\\n\\r\\n' + line.repeat(Math.ceil(size / line.length));
const pool = nodemailer.createTransport({pool: true, host: '127.0.0.1', port, maxConnections: connections, maxMessages: Infinity, ignoreTLS: true});
const envelope = {from: 'a@bench.example', to: ['b@bench.example']};
let left = mails, ended = 0;
const next = () => { if (left-- > 0) pool.sendMail({envelope, raw}, error => { if (error) { console.error(error); process.exit(1); } if (++ended === mails) { pool.close(); process.exit(0); } next(); }); };
for (let i = 0; i < 2 * connections; ++i) next();
"""


def nodemailer_folder():
    """Where npm put it; None where it cannot be had."""
    folder = HERE.parent / "build/bench"
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules/nodemailer").is_dir():
        done = subprocess.run(["npm", "install", "--silent", "nodemailer"], cwd=folder, check=False, capture_output=True)
        if done.returncode != 0:
            return None
    return folder


def commands(port, connections, mails, size):
    """Name, command and folder of each sender that is installed; ours is the first."""
    numbers = [str(connections), str(mails), str(size)]
    url = f"smtp://127.0.0.1:{port}"
    found = [("postroad", [PROGRAMS / "smtp_send", url, *numbers], None),
             *([("its pool", [PROGRAMS / "smtp_send", url, *numbers, "pool"], None)] if connections == 1 else []),
             ("smtp-source", ["/usr/sbin/smtp-source", "-d", "-s", str(connections), "-m", str(mails), "-l", str(size),
                              "-f", "a@bench.example", "-t", "b@bench.example", f"inet:127.0.0.1:{port}"], None)]
    if (PROGRAMS / "curl_send").exists():
        found.append(("libcurl", [PROGRAMS / "curl_send", url, *numbers], None))
    found.append(("smtplib", [sys.executable, "-c", SMTPLIB, str(port), *numbers], None))
    folder = nodemailer_folder()
    if folder:
        found.append(("nodemailer", ["node", "-e", NODEMAILER, str(port), *numbers], folder))
    return found


def measure(command, folder):
    """Wall time and CPU time of one process."""
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def bench_client(sink, mails):
    """One row per sender and number of connections. `sink` makes the server."""
    rows = []
    for connections in (1, 10):
        for name, command, folder in commands(0, connections, mails, 10240):
            del command
            with sink() as server:
                known = {one: words for one, words, _ in commands(server.port, connections, mails, 10240)}
                wall, cpu = measure(known[name], folder)
            row = {"bench": "client", "peer": name, "connections": connections, "messages": mails, "bytes": 10240,
                   "per_second": round(mails / wall, 1), "cpu_s_per_thousand": round(cpu * 1000 / mails, 3)}
            ours = next((one for one in rows if one["connections"] == connections), row)
            text = ""
            if ours is not row:
                row["ratio"] = round(ours["per_second"] / row["per_second"], 2)
                row["cpu_ratio"] = round(row["cpu_s_per_thousand"] / max(ours["cpu_s_per_thousand"], 0.001), 2)
                text = f"   ours is {row['ratio']} times, {row['cpu_ratio']} times less CPU"
            rows.append(row)
            print(f"{f'10 KB, {connections} connections':>26} {name:>12} {row['per_second']:>9} /s "
                  f"{row['cpu_s_per_thousand']:>8} CPU s/1000{text}", flush=True)
    return rows
