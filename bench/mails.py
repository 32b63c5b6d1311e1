"""`./dev bench mail`: composing and parsing, beside GMime and VMime if their packages are installed. Each figure comes from a
process of its own that handles one message many times; its memory peak is the kernel's figure."""

import json
import os
import pathlib
import subprocess
import tempfile

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin"
PEERS = ("postroad", "gmime", "vmime")  # ours is the first
MAILS = {"small": "text of 2 KB", "mixed": "text, html, 3 of 100 KB", "large": "one of 50 MB"}
SECONDS = 1
LARGE = 50_000_000


def call(peer, *words):
    return subprocess.run([PROGRAMS / f"mail_{peer}", *map(str, words)], check=True, capture_output=True, text=True).stdout


def write_mails(folder):
    """Writes the attachment and the messages to parse. We made both, so all peers parse the same bytes."""
    with open(f"{folder}/large.bin", "wb") as file:
        file.write(os.urandom(LARGE))
    for mail in MAILS:
        call("postroad", "write", mail, 0, folder)


def compare(work, mail, peers, folder):
    """One row per peer; the first is ours, and the others get their ratio to it."""
    rows = []
    for peer in peers:
        found = json.loads(call(peer, work, mail, SECONDS, folder))
        row = {"bench": "mail", "peer": peer, "work": work, "mail": mail, "bytes": found["bytes"], "decoded": found["decoded"],
               "mb_per_second": found["mb_per_second"], "peak_mib": round(found["peak_kib"] / 1024, 1)}
        text = ""
        if rows:
            row["ratio"] = round(rows[0]["mb_per_second"] / row["mb_per_second"], 2)
            text = f"   ours is {row['ratio']} times"
            if found["decoded"] != rows[0]["decoded"]:
                raise SystemExit(f"{peer} decoded {found['decoded']} bytes of the {mail} mail, {PEERS[0]} {rows[0]['decoded']}")
        rows.append(row)
        print(f"{f'{work} {MAILS[mail]}':>34} {peer:>9} {row['mb_per_second']:>8} MB/s {row['peak_mib']:>7} MiB at most{text}", flush=True)
    return rows


def bench_mail():
    peers = [peer for peer in PEERS if (PROGRAMS / f"mail_{peer}").exists()]
    for peer in sorted(set(PEERS) - set(peers)):
        print(f"{peer}: not measured, its library was not there when the programs were built")
    rows = []
    with tempfile.TemporaryDirectory(prefix="postroad-bench-") as folder:
        write_mails(folder)
        for work in ("compose", "parse"):
            for mail in MAILS:
                rows += compare(work, mail, peers, folder)
    return rows
