"""`./dev bench relay`: messages that come in over SMTP and go out over SMTP, from the first byte to the last delivery. Beside Postfix.

One next hop: smtp-source with 50 sessions, 10 KB, into a relay; smtp-sink behind it ends after the last message. Stalled sites: a
hundred domains with an exchanger each, of which ten accept connections and then say nothing; how long the messages to the others take.
"""

import contextlib
import json
import os
import smtplib
import socket
import subprocess
import threading
import time

from servers import Ours, cpu_seconds, family, peers, postroad

PATIENCE = 300
SITES, STALLED = 100, 10


class CountingSink:
    """smtp-sink that ends after so many messages."""

    def __init__(self, messages):
        self.port = peers.free_port()
        command = ["/usr/sbin/smtp-sink", *(["-u", "nobody"] if os.geteuid() == 0 else []), "-M", str(messages), f"127.0.0.1:{self.port}", "1024"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        postroad.eventually(self._answers, self.process, "smtp-sink listens")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self):
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class OurRelay(contextlib.ExitStack):
    name = "postroad"
    LISTENER = [{"role": "mx", "relay_from": ["127.0.0.0/8"]}]

    def __init__(self, settings):
        super().__init__()
        self.settings = {"log": Ours.SETTINGS["log"], "listener": self.LISTENER} | settings

    def __enter__(self):
        self.server = self.enter_context(postroad.Server(self.settings))
        self.port = self.server.port
        return self

    def pids(self):
        return [self.server.pid]

    def delays(self):
        """Seconds from acceptance to delivery, of each message. A delivery may be logged before its acceptance is."""
        times = {"message.accepted": {}, "recipient.delivered": {}}
        for line in self.server.log.splitlines():
            event = json.loads(line)
            if event["event"] in times:
                times[event["event"]][event["id"]] = time_of(event["time"])
        accepted = times["message.accepted"]
        return sorted(max(0, when - accepted[name]) for name, when in times["recipient.delivered"].items())


def time_of(text):
    whole, rest = text.rstrip("Z").split(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + rest)


class PostfixRelay(contextlib.ExitStack):
    name = "postfix"

    def __init__(self, lines):
        super().__init__()
        self.lines = lines

    def __enter__(self):
        self.postfix = self.enter_context(peers.Postfix(settings=self.lines))
        self.port = self.postfix.port
        return self

    def pids(self):
        return family(self.postfix.master)


def load(port, sessions, messages, size):
    subprocess.run(["/usr/sbin/smtp-source", "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f", "a@bench.example",
                    "-t", "b@there.example", f"inet:127.0.0.1:{port}"], check=True)


def through(make_relay, messages):
    """One row."""
    with CountingSink(messages) as sink, make_relay(sink.port) as relay:
        before, begin = cpu_seconds(relay.pids()), time.monotonic()
        load(relay.port, 50, messages, 10240)
        accepted = time.monotonic() - begin
        sink.wait()
        wall = time.monotonic() - begin
        cpu = cpu_seconds(relay.pids()) - before
    return {"bench": "relay", "peer": relay.name, "sessions": 50, "messages": messages, "bytes": 10240, "per_second": round(messages / wall, 1),
            "accepted_per_second": round(messages / accepted, 1), "cpu_s_per_thousand": round(cpu * 1000 / messages, 3)}


def ours_by_route(port):
    return OurRelay({"route": [{"via": f"smtp://127.0.0.1:{port}", "connections": 20}]})


def ours_by_mx(port):
    from nsd import SOA, Nsd  # pylint: disable=import-outside-toplevel
    nsd = Nsd({"there.example": SOA.format(zone="there.example") + "@ IN MX 1 host\nhost IN A 127.0.0.1\n"})
    relay = OurRelay({"mx": {"enabled": True, "port": port, "allow_networks": ["127.0.0.0/8"]},
                      "resolver": {"servers": [nsd.address.replace("@", ":")]}})
    relay.name = "postroad, MX"
    relay.callback(nsd.__exit__)
    return relay


def postfix(port):
    return PostfixRelay(f"default_transport = smtp\nrelayhost = [127.0.0.1]:{port}\n")


def bench_next_hop(messages):
    rows = []
    for make_relay, count in ((ours_by_route, 10 * messages), (ours_by_mx, 10 * messages), (postfix, messages)):
        row = through(make_relay, count)
        if row["peer"] == "postfix":
            row["ratio"] = round(rows[0]["per_second"] / row["per_second"], 2)
        rows.append(row)
        print(f"{'10 KB, 50 sessions':>26} {row['peer']:>12} {row['per_second']:>9} /s {row['cpu_s_per_thousand']:>8} CPU s/1000"
              + (f"   ours is {row['ratio']} times" if "ratio" in row else ""), flush=True)
    return rows


class StalledHosts(contextlib.ExitStack):
    """Accept connections and say nothing."""

    def __init__(self, addresses, port):
        super().__init__()
        for address in addresses:
            self.enter_context(socket.create_server((address, port), backlog=1024))


def address_of(site):
    return f"127.0.{1 + site // 100}.{1 + site % 100}"


def measure_sites(stalled, messages):
    from nsd import SOA, Nsd  # pylint: disable=import-outside-toplevel
    port = peers.free_port()
    zone = SOA.format(zone="sites.example") + "".join(f"d{i} IN MX 1 h{i}\nh{i} IN A {address_of(i)}\n" for i in range(SITES))
    listeners = [{"address": address_of(i), "port": port, "role": "catcher"} for i in range(stalled, SITES)]
    with contextlib.ExitStack() as stack:
        nsd = Nsd({"sites.example": zone})
        stack.callback(nsd.__exit__)
        stack.enter_context(StalledHosts([address_of(i) for i in range(stalled)], port))
        stack.enter_context(postroad.Server({"listener": listeners, "spool": {"keeps": "nothing"}, "log": {"format": "none"}}))
        relay = stack.enter_context(OurRelay({"mx": {"enabled": True, "port": port, "allow_networks": ["127.0.0.0/8"]},
                                              "resolver": {"servers": [nsd.address.replace("@", ":")]}}))
        send_to_sites(relay.port, messages)
        expected = messages * (SITES - stalled) // SITES
        postroad.eventually(lambda: relay.server.log.count('"recipient.delivered"') >= expected, relay.server.process)
        delays = relay.delays()
    return delays


def send_to_sites(port, messages, clients=10):
    def send(begin):
        with smtplib.SMTP("127.0.0.1", port) as client:
            for i in range(begin, messages, clients):
                client.sendmail("a@bench.example", [f"r{i}@d{i % SITES}.sites.example"], b"Subject: x\r\n\r\n" + b"x" * 2000)
    threads = [threading.Thread(target=send, args=(i,)) for i in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def percentile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]


def bench_stalled(messages):
    rows = []
    for stalled in (0, STALLED):
        delays = measure_sites(stalled, 5 * messages)
        row = {"bench": "relay-stalled", "peer": "postroad", "sites": SITES, "stalled": stalled, "messages": len(delays),
               "p50_ms": round(percentile(delays, 0.5) * 1000, 1), "p99_ms": round(percentile(delays, 0.99) * 1000, 1)}
        rows.append(row)
        print(f"{f'{SITES} sites, {stalled} stall':>26} {row['peer']:>12}   p50 {row['p50_ms']:>7} ms   p99 {row['p99_ms']:>7} ms", flush=True)
    return rows


def bench_relay(messages):
    return bench_next_hop(messages) + bench_stalled(messages)
