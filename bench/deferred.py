"""`./dev bench deferred`: what a million messages that wait for their retry cost: memory, a restart, and the intake beside them."""

import time
import urllib.request

from relay import OurRelay, load, peers, postroad

SETTINGS = {"retry": {"initial_delay": "4h", "first_day_max_delay": "4h"}, "log": {"format": "none"}, "limits": {"messages": 1_000_000}}


def intake(port, messages):
    begin = time.monotonic()
    load(port, 50, messages, 1024)
    return messages / (time.monotonic() - begin)



def wait_until_waiting(server, port, count):
    """Until so many messages wait for their retry, and nothing else is under way."""
    def all_wait():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            values = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
        places = {place: int(values[f'postroad_queue_messages{{place="{place}"}}']) for place in ("waiting", "due", "line", "attempt")}
        return places == {"waiting": count, "due": 0, "line": 0, "attempt": 0}
    postroad.eventually(all_wait, server.process, f"{count} messages wait for their retry")


def bench_deferred(count):
    port = peers.free_port()
    settings = SETTINGS | {"route": [{"via": f"smtp://127.0.0.1:{peers.free_port()}"}], "metrics": {"listen": f"127.0.0.1:{port}"}}
    with OurRelay(settings) as relay:
        server = relay.server
        before_rate = intake(relay.port, 20_000)
        wait_until_waiting(server, port, 20_000)
        before = postroad.resident(server.pid)
        load(relay.port, 50, count, 1024)
        wait_until_waiting(server, port, count + 20_000)
        each = (postroad.resident(server.pid) - before) / count
        beside_rate = intake(relay.port, 20_000)
        server.kill()
        begin = time.monotonic()
        server.start()
        restart = time.monotonic() - begin
        after_restart = postroad.resident(server.pid)
        after_rate = intake(server.port, 20_000)
        listed = postroad.run("queue", "list", "--json", "--config", server.config).stdout.count("\n")
    if listed != count + 60_000:
        raise SystemExit(f"{count + 60_000} messages were queued and {listed} are there")
    row = {"bench": "deferred", "peer": "postroad", "messages": count, "bytes_each": round(each, 1), "restart_s": round(restart, 2),
           "bytes_each_after_restart": round(after_restart / count, 1), "intake_per_second_before": round(before_rate),
           "intake_per_second_beside": round(beside_rate), "intake_per_second_after_restart": round(after_rate)}
    print(f"{f'{count} deferred':>26} {'postroad':>12} {row['bytes_each']:>7} bytes each, restart in {row['restart_s']} s; intake {row['intake_per_second_before']} /s before, "
          f"{row['intake_per_second_beside']} /s beside them, {row['intake_per_second_after_restart']} /s after the restart", flush=True)
    return [row]
