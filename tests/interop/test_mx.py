# Delivery to mail exchangers: `postroad serve` asks a real name server (nsd) and delivers to real servers at loopback addresses.
import json
import smtplib
import socket
import subprocess
import threading
import unittest

import by_hand
import postroad
from nsd import SOA, Nsd
from peers import free_port

ZONE = SOA + """
@ IN MX 10 down
@ IN MX 20 up
down IN A 127.0.0.3
up IN A 127.0.0.2
implicit IN A 127.0.0.2
only IN MX 1 up
null IN MX 0 .
nothing IN TXT "a name without an address"
inside IN MX 0 router
router IN A 192.168.0.1
alias IN CNAME dest.example.
"""


class Exchangers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = Nsd({"dest.example": ZONE.format(zone="dest.example"), "xn--bcher-kva.example": SOA.format(zone="xn--bcher-kva.example") + "@ IN MX 1 up.dest.example.\n"})
        cls.addClassCleanup(cls.nsd.__exit__)

    def setUp(self):
        port = free_port()
        self.exchanger = self.enterContext(postroad.Server({"listener": [{"address": "127.0.0.2", "port": port, "role": "catcher", "smtputf8": True}]}))
        self.settings = {
            "listener": [{"role": "mx", "relay_from": ["127.0.0.0/8"], "smtputf8": True}],
            "local": {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"]},
            "mx": {"enabled": True, "port": port, "allow_networks": ["127.0.0.0/8"]},
            "resolver": {"servers": [self.nsd.address.replace("@", ":")]},
            "retry": {"initial_delay": "100ms", "max_delay": "1s"},
        }
        self.relay = self.enterContext(postroad.Server(self.settings))

    def send(self, *recipients, sender="ann@here.example", options=("SMTPUTF8",)):
        with smtplib.SMTP(postroad.HOST, self.relay.port, timeout=postroad.PATIENCE) as client:
            client.ehlo()
            client.sendmail(sender, recipients, b"Subject: out\r\n\r\nhello\r\n", mail_options=list(options))

    def note(self, event, recipient):
        """The first line of the log about this recipient."""
        found = []

        def is_there():
            found[:] = [one for one in self.relay.events(event) if recipient in str(one)]
            return bool(found)

        postroad.eventually(is_there, what=f"{event} for {recipient}")
        return str(found[0])

    def test_the_next_exchanger_takes_what_the_first_does_not(self):
        self.send("bob@dest.example")
        self.assertEqual([mail.mailbox for mail in self.exchanger.wait_mail()], ["bob@dest.example"])

    def test_ways_to_the_host(self):
        self.send("bob@implicit.dest.example", "bob@alias.dest.example", "bob@bücher.example", "bob@xn--bcher-kva.example")
        self.exchanger.wait_mail(4)

    def test_a_domain_without_mail_is_refused_at_once(self):
        self.send("bob@null.dest.example", "bob@nothing.dest.example", "bob@no.dest.example", "bob@inside.dest.example")
        self.assertIn("5.1.10 null.dest.example accepts no mail", self.note("recipient.failed", "bob@null.dest.example"))
        self.assertIn("5.1.2 nothing.dest.example has no MX, A or AAAA record", self.note("recipient.failed", "bob@nothing.dest.example"))
        self.assertIn("5.1.2 there is no domain no.dest.example: NXDOMAIN for MX", self.note("recipient.failed", "bob@no.dest.example"))
        self.assertIn("router.dest.example [192.168.0.1]: private address", self.note("recipient.failed", "bob@inside.dest.example"))

    def test_an_exchanger_that_comes_back_gets_the_message(self):
        self.exchanger.kill()
        self.send("bob@dest.example")
        self.assertIn("down.dest.example", self.note("recipient.deferred", "bob@dest.example"))
        self.exchanger.start()
        self.exchanger.wait_mail()

    def test_the_first_route_whose_conditions_hold(self):
        with postroad.Server() as host, postroad.Server() as bounces:
            self.relay.stop()
            self.relay = self.enterContext(postroad.Server(self.settings | {"route": [
                {"domains": ["special.example", ".special.example"], "via": f"smtp://127.0.0.1:{host.port}"},
                {"senders": ["<>"], "via": f"smtp://127.0.0.1:{bounces.port}"},
                {"domains": ["ann.example"], "via": f"smtp://127.0.0.1:{host.port}"},
            ], "local": {"domains": ["here.example", "ann.example"], "mailboxes": ["ann", "postmaster"]}}))
            self.send("bob@special.example", "bob@sub.special.example", "bob@dest.example", "ann@here.example", "ann@ann.example")
            self.send("bob@elsewhere.example", sender="<>")
            self.assertEqual([mail.mailbox for mail in self.exchanger.wait_mail()], ["bob@dest.example"])
            self.assertEqual([mail.mailbox for mail in self.relay.wait_mail()], ["ann@here.example"])
            self.assertEqual(sorted(mail.mailbox for mail in host.wait_mail(3)), ["ann@ann.example", "bob@special.example", "bob@sub.special.example"])
            self.assertEqual([mail.mailbox for mail in bounces.wait_mail()], ["bob@elsewhere.example"])

    def test_a_recipient_without_a_route_is_refused(self):
        self.relay.stop()
        settings = {name: table for name, table in self.settings.items() if name != "mx"}
        self.relay = self.enterContext(postroad.Server(settings | {"route": [{"domains": ["special.example"], "via": "smtp://127.0.0.1:9"}]}))
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send("bob@dest.example")
        self.assertEqual(refused.exception.recipients["bob@dest.example"][0], 550)
        self.send("bob@special.example")
        self.note("recipient.deferred", "bob@special.example")

    def test_a_reload_reaches_the_messages_that_wait(self):
        self.exchanger.kill()
        self.send("bob@dest.example")
        self.note("recipient.deferred", "bob@dest.example")
        with postroad.Server() as host:
            self.relay.config.write_text(self.relay.config.read_text() + postroad.toml({"route": [{"domains": ["dest.example"], "via": f"smtp://127.0.0.1:{host.port}"}]}))
            done = postroad.run("serve", "--reload", "--config", self.relay.config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([mail.mailbox for mail in host.wait_mail()], ["bob@dest.example"])

    def test_routes_are_checked(self):
        for route, text in (
            ({"via": "mx", "domains": ["a..example"]}, "route.domains: 'a..example': not in one of the forms example.org, .example.org and *"),
            ({"via": "mx", "senders": ["nobody"]}, "route.senders: 'nobody': not in one of the forms"),
            ({"domains": ["a.example"]}, "route.0.via: missing; name a server"),
            ({"via": "nowhere"}, "route.via: 'nowhere' is not a URL; name a server as smtp://relay.example:587, or mx"),
            ({"via": "ftp://x.example"}, "route.via: "),
            ({"via": "smtp://ann:SECRET@a.example"}, "no password in the URL"),
            ({"via": "smtp://a.example", "user": "ann"}, "route.user: this user has no password; set route.0.password"),
        ):
            with postroad.Folder() as folder:
                done = postroad.run("config", "check", "--offline", "--config", folder.write("c.toml", postroad.toml({"route": [route]})))
            self.assertEqual(done.returncode, 78, route)
            self.assertIn(text, done.stderr)
            self.assertNotIn("SECRET", done.stderr)

    def test_why_tells_what_the_dns_says_and_which_host_replied(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, replies={"RCPT": "451 4.7.1 later"})
        host = self.fake_host(script)
        self.send("bob@dest.example", options=())
        self.note("recipient.deferred", "bob@dest.example")
        event = self.relay.events("recipient.deferred")[0]
        self.assertEqual((event["host"], event["host_tls"]), (f"up.dest.example [127.0.0.2]:{host.port}", "none"))
        done = postroad.run("queue", "why", event["id"], "--config", self.relay.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in (f"  host: up.dest.example [127.0.0.2]:{host.port}", "  tls: none", "  route: mx:dest.example", "  mx: 10 down.dest.example 127.0.0.3",
                     "  dns: A of up.dest.example: 127.0.0.2 (insecure)", "  waiting for: back-off"):
            self.assertIn(line + "\n", done.stdout)
        facts = json.loads(postroad.run("queue", "why", "--json", event["id"], "--config", self.relay.config).stdout)
        self.assertIn("mx: 20 up.dest.example 127.0.0.2", facts["evidence"][0])

    def site(self, *words, code=0):
        done = postroad.run("site", words[0], "--config", self.relay.config, *words[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_a_paused_site_gets_nothing_until_it_is_resumed(self):
        self.assertEqual(self.site("pause", "dest.example"), "pause: mx:dest.example\n")
        self.send("bob@dest.example")
        self.send("ann@here.example")
        postroad.eventually(lambda: self.relay.events("recipient.delivered"), self.relay.process)
        self.relay.restart()
        (site,) = [json.loads(line) for line in self.site("list", "--json", "mx:*").splitlines()]
        self.assertEqual((site["site"], site["state"]), ("mx:dest.example", "paused"))
        postroad.eventually(lambda: "1 waiting" in self.site("list", "dest.example"), self.relay.process)
        why = postroad.run("queue", "why", json.loads(postroad.run("queue", "list", "--json", "--config", self.relay.config).stdout)["id"],
                           "--config", self.relay.config).stdout
        self.assertIn("waiting for: site mx:dest.example, which an operator paused", why)
        self.assertIn("  attempts: 0\n", why)
        postroad.run("queue", "flush", "all", "--config", self.relay.config)
        self.assertEqual(self.site("resume", "mx:*"), "resume: mx:dest.example\n")
        self.exchanger.wait_mail(1)
        self.assertEqual(self.site("resume", "mx:*", code=1), "")
        for event in ("site.paused", "site.resumed"):
            self.assertEqual([one["site"] for one in self.relay.events(event)], ["mx:dest.example"])

    def test_a_site_that_is_resumed_after_a_restart_stays_so(self):
        self.site("pause", "dest.example")
        self.relay.restart()
        self.assertEqual(self.site("resume", "dest.example"), "resume: mx:dest.example\n")
        self.relay.restart()
        self.assertEqual(self.site("list", code=1), "")
        self.send("bob@dest.example")
        self.exchanger.wait_mail(1)

    def test_a_domain_without_a_site_of_its_own_is_not_paused(self):
        self.assertIn("go to the site mailboxes", self.refused_site("pause", "here.example"))

    def refused_site(self, *words):
        done = postroad.run("site", words[0], "--config", self.relay.config, *words[1:])
        self.assertEqual(done.returncode, 64, done.stderr)
        return done.stderr

    def test_a_reply_that_mentions_an_address_is_no_reply_about_connections(self):
        replies = iter(["450 4.1.8 client [64.7.12.3] sender domain not found"] * 5 + ["421 4.3.2 shutting down"])

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while True:
                by_hand.converse(peer, until="MAIL")
                peer.say(next(replies, "250 2.1.0 Ok") + "\r\n")
        self.fake_host(script)
        self.site("pause", "only.dest.example")
        for i in range(6):
            self.send(f"r{i}@only.dest.example", options=())
        self.site("resume", "only.dest.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.deferred")) >= 5, self.relay.process)
        self.assertEqual(self.relay.events("site.limited"), [])

    def test_a_stop_while_why_waits_for_the_dns(self):
        silent = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind(("127.0.0.1", 0))
        self.relay.stop()
        self.settings["resolver"]["servers"] = [f"127.0.0.1:{silent.getsockname()[1]}"]
        self.relay = self.enterContext(postroad.Server(self.settings))
        self.send("bob@dest.example")
        queue_id = postroad.eventually(lambda: self.relay.events("message.accepted"), self.relay.process)[0]["id"]
        silent.settimeout(postroad.PATIENCE)
        silent.recv(1000)  # of the attempt
        asked = subprocess.Popen([postroad.BINARY, "queue", "why", queue_id, "--config", self.relay.config], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        time_of_asking = postroad.eventually(lambda: asked.poll() is None and silent.recv(1000), self.relay.process)
        self.assertTrue(time_of_asking)
        self.assertEqual(self.relay.stop(), 0)
        asked.wait(postroad.PATIENCE)

    def test_a_host_that_asks_for_less_gets_fewer_connections(self):
        most, now, lock = [0], [0], threading.Lock()

        def script(peer):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                is_much = now[0] > 3
            if is_much:
                peer.say("421 4.7.0 too many connections\r\n")
            else:
                by_hand.plain_server(peer)
            with lock:
                now[0] -= 1
        self.fake_host(script)
        count = 120
        self.site("pause", "only.dest.example")
        for i in range(count):
            self.send(f"r{i}@only.dest.example", options=())
        self.site("resume", "only.dest.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == count, self.relay.process)
        self.assertGreaterEqual(most[0], 3, "the limit grew")
        (site,) = [json.loads(line) for line in self.site("list", "--json", "only.dest.example").splitlines()]
        self.assertEqual((site["state"], site["most"]), ("up", 20))
        self.assertLess(site["limit"], 12)
        self.assertTrue(self.relay.events("site.limited"))
        self.assertEqual(self.relay.events("site.down"), [])

    def fake_host(self, script=by_hand.plain_server):
        self.exchanger.stop()
        return self.enterContext(by_hand.FakeServer(script, address="127.0.0.2", port=self.settings["mx"]["port"], together=True))

    def deliver(self, count, recipient="ben@only.dest.example"):
        before = len(self.relay.events("recipient.delivered"))
        for i in range(count):
            self.send(recipient, options=())
            postroad.eventually(lambda i=i: len(self.relay.events("recipient.delivered")) == before + i + 1, self.relay.process)

    def test_a_connection_carries_several_messages(self):
        host = self.fake_host()
        self.deliver(3)
        self.deliver(2, "ben@implicit.dest.example")  # another domain, another host name
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [3, 2])
        self.assertEqual(self.relay.stop(), 0)
        self.assertEqual([peer.heard[-1] for peer in host.peers], ["QUIT", "QUIT"])

    @staticmethod
    def accept_messages(peer, count):
        peer.say("220 fake.example ESMTP\r\n")
        for _ in range(count):
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            peer.text()
            peer.say("250 2.0.0 Ok\r\n")

    def deliver_over(self, connections, messages, script):
        host = self.fake_host(script)
        self.deliver(messages)
        self.assertEqual(len(host.peers), connections)
        self.assertEqual(self.relay.events("recipient.deferred") + self.relay.events("site.limited"), [])

    def test_a_host_that_closes_an_idle_connection_costs_no_attempt(self):
        self.deliver_over(3, 3, lambda peer: self.accept_messages(peer, 1))

    def test_a_host_that_says_421_to_a_second_message_gets_it_over_another_connection(self):
        def script(peer):
            self.accept_messages(peer, 1)
            by_hand.converse(peer, replies={"MAIL": "421 4.7.0 one message per connection"})
        self.deliver_over(3, 3, script)

    def test_a_host_with_a_limit_of_messages_per_connection(self):
        def script(peer):
            self.accept_messages(peer, 2)
            by_hand.converse(peer, replies={"MAIL": "450 4.7.1 too many messages on this connection"})
        self.deliver_over(3, 6, script)

    def test_messages_per_connection(self):
        self.relay.stop()
        self.settings["mx"]["messages_per_connection"] = 2
        self.relay = self.enterContext(postroad.Server(self.settings))
        host = self.fake_host()
        self.deliver(5)
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [2, 2, 1])
        self.assertEqual([peer.heard[-1] for peer in host.peers[:2]], ["QUIT", "QUIT"])

    def plan(self, address, *flags):
        return postroad.run("plan", address, "--config", self.relay.config, *flags)

    def test_plan(self):
        done = self.plan("bob@dest.example")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(lines[2], r"  dns: MX of dest\.example: .*10 down\.dest\.example.* \(insecure\)$")
        self.assertIn("  dns: A of up.dest.example: 127.0.0.2 (insecure)", lines)
        self.assertEqual([line for line in lines if not line.startswith("  dns: ")], f"""\
bob@dest.example
  route: mx
  mx: 10 down.dest.example 127.0.0.3
  mx: 20 up.dest.example 127.0.0.2
  port: {self.exchanger.port}
  tls: opportunistic
  limit: 2 connections at first, at most 20
""".splitlines())
        done = self.plan("bob@null.dest.example")
        self.assertEqual(done.returncode, 69)
        self.assertIn("  refused: 5.1.10 null.dest.example accepts no mail", done.stdout)
        self.assertEqual(self.plan("nobody@here.example").returncode, 69)
        done = self.plan("bob@dest.example", "--set", "mx.enabled=false")
        self.assertEqual(done.returncode, 69, "as the server refuses it at RCPT")
        self.assertIn("refused: 5.1.2 no route to dest.example", done.stdout)
        self.assertEqual(self.plan("not an address").returncode, 64)
        self.assertEqual(self.plan("ann@here.example").stdout, "ann@here.example\n  route: mailbox\n")
        done = json.loads(self.plan("bob@inside.dest.example", "--json").stdout)
        self.assertTrue(done.pop("dns"))
        self.assertEqual(done, {"recipient": "bob@inside.dest.example", "alias_of": None, "route": "mx", "site": "mx:inside.dest.example", "hosts": [],
                                "server": None, "login": None, "port": self.exchanger.port, "connections": 20,
                                "left_out": ["router.dest.example [192.168.0.1]: private address"], "outcome": "refused",
                                "reason": "5.4.4 no host of inside.dest.example may be connected to: router.dest.example [192.168.0.1]: private address"})
        self.assertEqual(self.exchanger.events("session.opened"), [], "nothing is sent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
