#!/usr/bin/python3
# Good and bad clients together for a long time: latency of the good ones, and whether memory and descriptors stay constant.
#   PYTHONPATH=tests/support tests/soak/soak.py [--minutes 20] [--rounds 3] [--json]
# Good clients use 127.0.0.1, which is exempt from the limits; each kind of bad client has its own address, and the limits apply
# to it: slow, endless, cut, flooding, guessing, never reading, early talker, HTTP.
import argparse
import asyncio
import base64
import json
import logging
import os
import random
import sys
import time

import postroad

GOOD, PAUSE = 5, 0.05  # clients, and the pause of each between two messages
TEXT = b"Subject: soak\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * 142 + b".\r\n"  # 10 KB
SAMPLE = 5.0


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Connection:
    """One connection from a loopback address."""

    def __init__(self, port, source):
        self.port, self.source = port, source

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection(postroad.HOST, self.port, local_addr=(self.source, 0))
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    async def reply(self):
        while True:
            line = await self.reader.readline()
            if not line:
                raise ConnectionError("closed")
            if line[3:4] != b"-":
                return line

    async def say(self, text):
        self.writer.write(text if isinstance(text, bytes) else text.encode() + b"\r\n")
        return await self.reply()


class Soak:
    def __init__(self, port, deadline):
        self.port, self.deadline = port, deadline
        self.waits, self.errors, self.counts = [], [], {}

    def is_running(self):
        return time.monotonic() < self.deadline

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    async def good(self):
        while self.is_running():
            try:
                async with Connection(self.port, "127.0.0.1") as line:
                    await line.reply()
                    await line.say("EHLO good.example")
                    for _ in range(20):
                        begin = time.monotonic()
                        for command in ("MAIL FROM:<a@good.example>", "RCPT TO:<box@here.example>", "DATA"):
                            answer = await line.say(command)
                        answer = await line.say(TEXT)
                        if not answer.startswith(b"250"):
                            raise ConnectionError(answer.decode())
                        self.waits.append(time.monotonic() - begin)
                        await asyncio.sleep(PAUSE)
                    await line.say("QUIT")
            except (OSError, ConnectionError) as error:
                self.errors.append(repr(error))

    async def bad(self, name, source, act):
        """One bad client of each kind after the other; its connection may end in any way."""
        while self.is_running():
            try:
                async with asyncio.timeout(60):
                    async with Connection(self.port, source) as line:
                        self.count(name)
                        await act(line)
            except (OSError, ConnectionError, TimeoutError):
                pass
            await asyncio.sleep(0.02)

    async def slow(self, line):
        await line.reply()
        while True:
            line.writer.write(b"E")
            await asyncio.sleep(1)
            if line.reader.at_eof():
                return

    async def endless(self, line):
        await line.reply()
        await line.say("EHLO endless.example")
        while True:
            line.writer.write(b"x" * 65536)
            await line.writer.drain()
            await asyncio.sleep(0.05)

    async def endless_text(self, line):
        await line.reply()
        for command in ("EHLO endless.example", "MAIL FROM:<a@x.example>", "RCPT TO:<box@here.example>", "DATA"):
            await line.say(command)
        for _ in range(600):
            line.writer.write(TEXT[:-3])
            await line.writer.drain()
            await asyncio.sleep(0.02)

    async def cut(self, line):
        await line.reply()
        for command in ("EHLO cut.example", "MAIL FROM:<a@x.example>", "RCPT TO:<box@here.example>", "DATA"):
            await line.say(command)
        line.writer.write(TEXT[:random.randrange(len(TEXT) - 5)])
        await line.writer.drain()

    async def flood(self, line):
        pass  # connects and disconnects

    async def guess(self, line):
        await line.reply()
        await line.say("EHLO guess.example")
        while True:
            token = base64.b64encode(f"\0ann\0{random.random()}".encode()).decode()
            await line.say(f"AUTH PLAIN {token}")

    async def never_reads(self, line):
        while not line.writer.is_closing():
            line.writer.write(b"HELP\r\n" * 2000)
            await asyncio.sleep(0.1)
            if line.writer.transport.get_write_buffer_size() > 1 << 20:
                await asyncio.sleep(5)

    async def early(self, line):
        line.writer.write(b"EHLO early.example\r\nMAIL FROM:<a@x.example>\r\n")
        while await line.reader.read(4096):
            pass

    async def http(self, line):
        line.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while await line.reader.read(4096):
            pass

    async def run(self, pid):
        kinds = [(self.slow, 20), (self.endless, 2), (self.endless_text, 2), (self.cut, 3), (self.flood, 3), (self.guess, 3), (self.never_reads, 3),
                 (self.early, 2), (self.http, 2)]
        tasks = [asyncio.create_task(self.good()) for _ in range(GOOD)]
        for i, (act, many) in enumerate(kinds):
            tasks += [asyncio.create_task(self.bad(act.__name__, f"127.0.1.{i + 1}", act)) for _ in range(many)]
        samples = []
        while self.is_running():
            samples.append((postroad.resident(pid), len(os.listdir(f"/proc/{pid}/fd"))))
            await asyncio.sleep(min(SAMPLE, max(0.1, self.deadline - time.monotonic())))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return samples


def settled(pid, idle):
    """Descriptors after the last clients are gone, which can take as long as the deadline of a command."""
    def sessions_gone():
        names = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        return len(names) if sum(name.startswith("socket:") for name in names) <= idle else None
    return postroad.eventually(sessions_gone, timeout=120, what="sessions that end")


def soak(minutes):
    with postroad.Folder() as folder:
        users = folder.path / "users"
        postroad.add_user(users, "ann", "right")
        settings = {
            "server": {"users": users}, "local": {"domains": ["here.example"], "mailboxes": ["box"]},
            "listener": [{"role": "mx", "auth": True, "allow_auth_in_clear": True}],
            "delivery": {"local": "discard"},  # mailboxes would fill the disk
            "clients": {"exempt": ["127.0.0.1"]}, "limits": {"command": "30s", "data_block": "30s", "drain": "1s"},
            "log": {"format": "none"}}
        with postroad.Server(settings, folder=folder.path) as server:
            idle = len(os.listdir(f"/proc/{server.pid}/fd"))
            run = Soak(server.port, time.monotonic() + minutes * 60)
            samples = asyncio.run(run.run(server.pid))
            end = settled(server.pid, idle)
            memory = [sample[0] / 2**20 for sample in samples]
            quarter = max(1, len(memory) // 4)
            return {
                "minutes": minutes, "messages": len(run.waits), "errors": run.errors[:5],
                "p50_ms": round(quantile(run.waits, 0.5) * 1000, 1), "p99_ms": round(quantile(run.waits, 0.99) * 1000, 1),
                "max_ms": round(max(run.waits, default=0) * 1000, 1),
                "memory_mib": {"first_quarter": round(max(memory[:quarter]), 1), "last_quarter": round(max(memory[-quarter:]), 1),
                               "end": round(postroad.resident(server.pid) / 2**20, 1)},
                "descriptors": {"idle": idle, "max": max(sample[1] for sample in samples), "end": end}, "bad_clients": run.counts}


def main():
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # writes to a connection that the server closed
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bad = False
    for _ in range(options.rounds):
        result = soak(options.minutes)
        print(json.dumps(result), flush=True)
        bad = bad or bool(result["errors"]) or result["p99_ms"] >= 100
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
