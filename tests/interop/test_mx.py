# Delivery to mail exchangers: `postroad serve` asks a real name server (nsd) and delivers to real servers at loopback addresses.
import json
import smtplib
import socket
import subprocess
import unittest

import by_hand
import postroad
from exchangers import ExchangerCase

class Exchangers(ExchangerCase):
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
        self.start_relay(retry={"initial_delay": "1h", "max_delay": "1h"})
        host = self.fake_host(script)
        self.send("bob@dest.example", options=())
        self.note("recipient.deferred", "bob@dest.example")
        event = self.relay.events("recipient.deferred")[0]
        self.assertEqual((event["host"], event["host_tls"]), (f"up.dest.example [127.0.0.2]:{host.port}", "none"))
        done = postroad.run("queue", "why", event["id"], "--config", self.relay.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in (f"  host: up.dest.example [127.0.0.2]:{host.port}", "  tls: none", "  route: " + self.dest_site, "  mx: 10 down.dest.example 127.0.0.3",
                     "  dns: A of up.dest.example: 127.0.0.2 (insecure)", "  waiting for: back-off"):
            self.assertIn(line + "\n", done.stdout)
        facts = json.loads(postroad.run("queue", "why", "--json", event["id"], "--config", self.relay.config).stdout)
        self.assertIn("mx: 20 up.dest.example 127.0.0.2", facts["evidence"][0])

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

    def deliver(self, count, recipient="ben@only.dest.example"):
        before = len(self.relay.events("recipient.delivered"))
        for i in range(count):
            self.send(recipient, options=())
            postroad.eventually(lambda i=i: len(self.relay.events("recipient.delivered")) == before + i + 1, self.relay.process)

    @staticmethod
    def wait_quit(peers):
        postroad.eventually(lambda: all(peer.heard[-1] == "QUIT" for peer in peers), what="QUIT on each connection")

    def test_a_connection_carries_several_messages(self):
        host = self.fake_host()
        self.deliver(3)
        self.deliver(2, "ben@implicit.dest.example")  # another domain, another host name
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [3, 2])
        self.assertEqual(self.relay.stop(), 0)
        self.wait_quit(host.peers)

    @staticmethod
    def accept_messages(peer, count):
        peer.say("220 fake.example ESMTP\r\n")
        for _ in range(count):
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            peer.text()
            peer.say("250 2.0.0 Ok\r\n")

    def deliver_over(self, connections, messages, script):
        self.host = host = self.fake_host(script)
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
        self.deliver(4)  # it is known by now: no connection is ended by the host
        host = self.host
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [3, 3, 2, 2, 2])
        self.wait_quit(host.peers[2:4])

    def test_messages_per_connection(self):
        self.relay.stop()
        self.settings["mx"]["messages_per_connection"] = 2
        self.relay = self.enterContext(postroad.Server(self.settings))
        host = self.fake_host()
        self.deliver(5)
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [2, 2, 1])
        self.wait_quit(host.peers[:2])

    def plan(self, address, *flags):
        return postroad.run("plan", address, "--config", self.relay.config, *flags)

    def test_plan(self):
        done = self.plan("bob@dest.example")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(lines[2], r"  dns: MX of dest\.example: .*10 down\.dest\.example.* \(insecure\)$")
        self.assertIn("  dns: A of up.dest.example: 127.0.0.2 (insecure)", lines)
        self.assertRegex(done.stdout, r"  dnssec: off: the keys of the zone \. came not: ")
        self.assertEqual([line for line in lines if not line.startswith("  dns")], f"""\
bob@dest.example
  route: mx
  mx: 10 down.dest.example 127.0.0.3
  mx: 20 up.dest.example 127.0.0.2
  mta-sts: none
  tls: down.dest.example: opportunistic (tls_out)
  tls: up.dest.example: opportunistic (tls_out)
  port: {self.exchanger.port}
  site: {self.dest_site}
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
        self.assertEqual(done, {"recipient": "bob@inside.dest.example", "alias_of": None, "route": "mx", "site": "mx:router.dest.example", "hosts": [], "mta_sts": None, "dnssec_off": done["dnssec_off"],
                                "server": None, "login": None, "port": self.exchanger.port, "connections": 20,
                                "left_out": ["router.dest.example [192.168.0.1]: private address"], "outcome": "refused",
                                "reason": "5.4.4 no host of inside.dest.example may be connected to: router.dest.example [192.168.0.1]: private address"})
        self.assertEqual(self.exchanger.events("session.opened"), [], "nothing is sent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
