#!/usr/bin/python3
# How many messages arrive twice because the server is killed: a crash before an outcome is on disk delivers again. Clients send
# messages all the time while the server is killed at random moments and restarted. Each message is sent once by its client, so
# that a second arrival is the server's. Two parts: `smarthost` relays to a fast SMTP sink, `mailbox` has a reader that empties
# `new`. No message with a 250 may be lost. Run by hand (about a minute); the aim is below 1% of the messages.
#   duplicates.py [--seconds 25] [--sessions 20] [--every 2] [--backlog 1000] [--seed S] [--only smarthost|mailbox] [--limit 1.0]
import argparse
import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import postroad  # noqa: E402
from postroad import HOST  # noqa: E402

ID = re.compile(rb"^Subject: message (\d+)\r$", re.M)
LISTENER = {"role": "mx", "relay_from": ["127.0.0.1"]}
SETTINGS = {"listener": [LISTENER], "clients": {"exempt": ["127.0.0.1"]}, "log": {"format": "json", "level": "warning"}}


class Arrivals:
    """Counts how often each message arrived."""

    def __init__(self):
        self.counts = collections.Counter()

    def add(self, message):
        found = ID.search(message)
        if not found:
            raise AssertionError(f"a message arrived that was never sent: {message[:200]!r}")
        self.counts[int(found[1])] += 1


class Sink(Arrivals):
    """An SMTP server that accepts everything at once."""

    async def serve(self):
        self.server = await asyncio.start_server(self.session, HOST, 0, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def session(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(b"220 sink.example ESMTP\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-sink.example\r\n250 PIPELINING\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self.add(await reader.readuntil(b"\r\n.\r\n"))
                    writer.write(b"250 2.0.0 taken\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 ok\r\n")
        writer.close()


class MailboxReader(Arrivals):
    """Takes each message out of the mailbox as soon as it is there."""

    def __init__(self, folder):
        super().__init__()
        self.root = pathlib.Path(folder) / "mail"
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)

    def read(self):
        while not self.over.wait(0.01):
            with contextlib.suppress(FileNotFoundError):
                for path in self.root.glob("*/new/*"):
                    content = path.read_bytes()
                    path.unlink()
                    self.add(content)


class Load:
    """Clients that send numbered messages, each once, to whatever port the server has."""

    def __init__(self, arrivals, backlog):
        self.backlog = backlog
        self.port, self.next, self.accepted, self.arrivals = None, 0, set(), arrivals
        self.is_over = False

    def message(self, number):
        return f"From: <load@client.example>\r\nSubject: message {number}\r\n\r\n".encode() + b"0123456789" * 100 + b"\r\n.\r\n"

    async def client(self, recipient):
        while not self.is_over:
            with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    await self.session(reader, writer, recipient)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    async def session(self, reader, writer, recipient):
        async def reply():
            while True:
                line = await asyncio.wait_for(reader.readline(), postroad.PATIENCE)
                if not line.endswith(b"\n") or line.startswith(b"421"):
                    raise EOFError
                if line[3:4] != b"-":
                    return line

        await reply()
        writer.write(b"EHLO client.example\r\n")
        await reply()
        while not self.is_over:
            while len(self.accepted) > len(self.arrivals.counts) + self.backlog and not self.is_over:
                await asyncio.sleep(0.01)
            number, self.next = self.next, self.next + 1
            writer.write(f"MAIL FROM:<load@client.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
            codes = [(await reply())[:3] for _ in range(3)]
            if codes != [b"250", b"250", b"354"]:
                raise AssertionError(f"unexpected replies: {codes}")
            writer.write(self.message(number))
            if (await reply()).startswith(b"250"):
                self.accepted.add(number)


class Background:
    """An event loop in a thread, so that the server can be killed and started from this one."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(postroad.PATIENCE)


def torture(server, load, arrivals, recipient, options):
    """Sends, kills and restarts for `options.seconds`; then waits for everything that got a 250."""
    background = Background()
    load.port = server.port
    clients = [background.run(load.client(recipient)) for _ in range(options.sessions)]
    kills, end = 0, time.monotonic() + options.seconds
    while time.monotonic() < end:
        time.sleep(random.uniform(0.5, 1.5) * options.every)
        server.restart()
        load.port = server.port
        kills += 1
    load.is_over = True
    for client in clients:
        client.result(2 * postroad.PATIENCE)
    with contextlib.suppress(AssertionError):
        postroad.eventually(lambda: load.accepted <= set(arrivals.counts))
    missing = load.accepted - set(arrivals.counts)
    if missing:
        raise AssertionError(f"{len(missing)} of {len(load.accepted)} messages with a 250 did not arrive: {sorted(missing)[:5]}")
    background.close()
    return kills


def report(name, kills, load, arrivals, limit):
    twice = sum(count > 1 for count in arrivals.counts.values())
    extra = sum(arrivals.counts.values()) - len(arrivals.counts)
    share = 100 * twice / max(1, len(arrivals.counts))
    print(json.dumps({"part": name, "messages": len(arrivals.counts), "accepted": len(load.accepted), "kills": kills, "arrived twice": twice,
                      "copies": extra, "percent": round(share, 2), "per kill": round(extra / max(1, kills), 1)}), flush=True)
    return share <= limit


def smarthost(options):
    sink, background = Sink(), Background()
    load = Load(sink, options.backlog)
    background.run(sink.serve()).result(postroad.PATIENCE)
    settings = {**SETTINGS, "local": {"domains": ["here.example"], "mailboxes": ["postmaster"]},
                "delivery": {"smarthost": f"smtp://{HOST}:{sink.port}"},
                "retry": {"initial_delay": "100ms", "max_delay": "1s"}}
    with postroad.Server(settings) as server:
        kills = torture(server, load, sink, "box@elsewhere.example", options)
    background.close()
    return report("smarthost", kills, load, sink, options.limit)


def mailbox(options):
    with postroad.Server({**SETTINGS, "local": {"domains": ["here.example"], "mailboxes": ["box", "postmaster"]}}) as server:
        reader = MailboxReader(server.data)
        load = Load(reader, options.backlog)
        reader.thread.start()
        kills = torture(server, load, reader, "box@here.example", options)
        reader.over.set()
        reader.thread.join(postroad.PATIENCE)
    return report("mailbox", kills, load, reader, options.limit)


PARTS = {"smarthost": smarthost, "mailbox": mailbox}


def main():
    parser = argparse.ArgumentParser(description="Kills the server while it delivers, and counts messages that arrive twice.")
    parser.add_argument("--seconds", type=float, default=25, help="duration of each part")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--every", type=float, default=2, help="mean seconds between two kills")
    parser.add_argument("--backlog", type=int, default=1000, help="clients pause when so many messages have not arrived")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--limit", type=float, default=1.0, help="percentage of messages that may arrive twice")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    random.seed(options.seed)
    results = [PARTS[name](options) for name in PARTS if options.only in (None, name)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
