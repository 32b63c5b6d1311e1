# Sites of mail exchangers: what shares a limit, what a host may ask for, and what an operator decides. See test_mx.py for the rest.
import json
import socket
import threading
import unittest
import urllib.request

import by_hand
import postroad
from exchangers import ExchangerCase
from peers import free_port


class Crowd:
    """A script for a FakeServer that counts the sessions at once; `most` at most are served, the others get `refusal`."""

    def __init__(self, most=1000, refusal=""):
        self.allowed, self.refusal, self.now, self.most, self.lock = most, refusal, 0, 0, threading.Lock()

    def __call__(self, peer):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            is_much = self.now > self.allowed
        try:
            if is_much:
                peer.say(self.refusal + "\r\n")
            else:
                by_hand.plain_server(peer)
        finally:
            with self.lock:
                self.now -= 1


class Sites(ExchangerCase):
    def test_a_paused_site_gets_nothing_until_it_is_resumed(self):
        self.assertEqual(self.site("pause", self.dest_site), f"pause: {self.dest_site}\n")
        self.send("bob@dest.example")
        self.send("ann@here.example")
        postroad.eventually(lambda: self.relay.events("recipient.delivered"), self.relay.process)
        self.relay.restart()
        (site,) = [json.loads(line) for line in self.site("list", "--json", "mx:*").splitlines()]
        self.assertEqual((site["site"], site["state"]), (self.dest_site, "paused"))
        postroad.eventually(lambda: "1 waiting" in self.site("list", "dest.example"), self.relay.process)
        why = postroad.run("queue", "why", json.loads(postroad.run("queue", "list", "--json", "--config", self.relay.config).stdout)["id"],
                           "--config", self.relay.config).stdout
        self.assertIn(f"waiting for: site {self.dest_site}, which an operator paused", why)
        self.assertIn("  attempts: 0\n", why)
        postroad.run("queue", "flush", "all", "--config", self.relay.config)
        self.assertEqual(self.site("resume", "mx:*"), f"resume: {self.dest_site}\n")
        self.exchanger.wait_mail(1)
        self.assertEqual(self.site("resume", "mx:*", code=1), "")
        for event in ("site.paused", "site.resumed"):
            self.assertEqual([one["site"] for one in self.relay.events(event)], [self.dest_site])

    def test_a_site_that_is_resumed_after_a_restart_stays_so(self):
        self.site("pause", self.dest_site)
        self.relay.restart()
        self.assertEqual(self.site("resume", self.dest_site), f"resume: {self.dest_site}\n")
        self.relay.restart()
        self.assertEqual(self.site("list", code=1), "")
        self.send("bob@dest.example")
        self.exchanger.wait_mail(1)

    def test_a_domain_without_a_site_of_its_own_is_not_paused(self):
        self.assertIn("go to the site mailboxes", self.refused_site("pause", "here.example"))
        self.assertIn(f"go to the site {self.dest_site}, which may serve others", self.refused_site("pause", "dest.example"))
        self.assertEqual(self.site("pause", "implicit.dest.example"), "pause: mx:implicit.dest.example\n")

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
        self.site("pause", "mx:up.dest.example")
        for i in range(6):
            self.send(f"r{i}@only.dest.example", options=())
        self.site("resume", "mx:up.dest.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.deferred")) >= 5, self.relay.process)
        self.assertEqual(self.relay.events("site.limited"), [])

    def test_a_host_that_asks_for_less_gets_fewer_connections(self):
        crowd = Crowd(most=3, refusal="421 4.7.0 too many connections")
        self.fake_host(crowd)
        count = 120
        self.site("pause", "mx:up.dest.example")
        for i in range(count):
            self.send(f"r{i}@only.dest.example", options=())
        self.site("resume", "mx:up.dest.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == count, self.relay.process)
        self.assertGreaterEqual(crowd.most, 3, "the limit grew")
        (site,) = [json.loads(line) for line in self.site("list", "--json", "only.dest.example").splitlines()]
        self.assertEqual((site["state"], site["most"]), ("up", 20))
        self.assertLess(site["limit"], 12)
        self.assertTrue(self.relay.events("site.limited"))
        self.assertEqual(self.relay.events("site.down"), [])

    def wait_delivered(self, count):
        postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) >= count, self.relay.process)

    # Postfix opens its limit of connections for each domain.
    def test_domains_with_the_same_hosts_share_one_limit(self):
        self.start_relay(mx=self.settings["mx"] | {"connections": 3, "initial_connections": 3})
        crowd = Crowd()
        self.fake_host(crowd)
        domains = ["only", "a.only", "b.only", "c.only"]
        self.site("pause", "mx:up.dest.example")
        for i in range(60):
            self.send(f"r{i}@{domains[i % 4]}.dest.example", options=())
        postroad.eventually(lambda: "mx:up.dest.example  paused  60 waiting" in self.site("list", "a.only.dest.example"), self.relay.process)
        self.site("resume", "mx:up.dest.example")
        self.wait_delivered(60)
        self.assertEqual(crowd.most, 3)

    def test_a_transaction_has_recipients_of_one_domain(self):
        host = self.fake_host()
        self.send("a@only.dest.example", "b@a.only.dest.example", "c@Only.dest.example", "d@b.only.dest.example", options=())
        self.wait_delivered(4)
        rcpts = [[line.split("@")[1].rstrip(">").lower() for line in peer.heard if line.startswith("RCPT")] for peer in host.peers]
        self.assertEqual(sorted(sum(rcpts, [])), ["a.only.dest.example", "b.only.dest.example", "only.dest.example", "only.dest.example"])
        self.assertEqual([one["attempts"] for one in self.relay.events("recipient.delivered")], [1] * 4)
        self.assertEqual(sum(line.startswith("MAIL") for peer in host.peers for line in peer.heard), 3)

    def test_recipients_beyond_the_limit_of_a_transaction_go_in_the_next(self):
        self.start_relay(mx=self.settings["mx"] | {"recipients": 2})
        host = self.fake_host()
        self.send(*[f"r{i}@only.dest.example" for i in range(5)], options=())
        self.wait_delivered(5)
        heard = [line[:4] for peer in host.peers for line in peer.heard if line[:4] in ("MAIL", "RCPT")]
        self.assertEqual(heard, ["MAIL", "RCPT", "RCPT", "MAIL", "RCPT", "RCPT", "MAIL", "RCPT"])

    def test_a_named_destination_has_limits_of_its_own(self):
        self.start_relay(destination=[{"name": "up", "match": ["mx:up.dest.example"], "connections": 1, "messages_per_connection": 2}])
        crowd = Crowd()
        host = self.fake_host(crowd)
        self.site("pause", "mx:up")
        for i in range(6):
            self.send(f"r{i}@only.dest.example", options=())
        self.site("resume", "mx:up")
        self.wait_delivered(6)
        self.assertEqual([sum(line.startswith("MAIL") for line in peer.heard) for peer in host.peers], [2, 2, 2])
        self.assertLessEqual(crowd.most, 2, "the end of a connection may still be on its way when the next one begins")
        plan = json.loads(postroad.run("plan", "r@a.only.dest.example", "--json", "--config", self.relay.config).stdout)
        self.assertEqual((plan["site"], plan["connections"]), ("mx:up", 1))

    def test_a_rate_is_waited_for_in_line(self):
        port = free_port()
        self.start_relay(metrics={"listen": f"{postroad.HOST}:{port}"}, destination=[{"name": "slow", "match": [".dest.example"], "rate": "1/h"}])
        self.fake_host()
        for i in range(3):
            self.send(f"r{i}@only.dest.example", options=())
        self.wait_delivered(1)
        listed = [json.loads(line) for line in postroad.run("queue", "list", "--json", "--config", self.relay.config).stdout.splitlines()]
        self.assertEqual([one["recipients"][0]["attempts"] for one in listed], [0, 0])
        why = postroad.run("queue", "why", listed[0]["id"], "--config", self.relay.config).stdout
        self.assertRegex(why, r"waiting for: the rate of site mx:slow \(next attempt in (59min|1h)")
        (site,) = [json.loads(line) for line in self.site("list", "--json", "mx:slow").splitlines()]
        self.assertEqual((site["waiting"], site["rate"]), (2, "1/h"))
        self.assertGreater(site["next_token"], 3000)
        with urllib.request.urlopen(f"http://{postroad.HOST}:{port}/metrics", timeout=postroad.PATIENCE) as answer:
            values = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
        self.assertEqual(values['postroad_site_waiting{site="mx:slow"}'], "2")
        self.assertEqual(values['postroad_site_closed{site="mx:slow"}'], "0")
        self.assertEqual(values['postroad_queue_messages{place="line"}'], "2")
        self.assertLess(int(values["postroad_queue_oldest_seconds"]), postroad.PATIENCE)

    def test_other_mail_goes_on_while_the_dns_is_silent(self):
        silent = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind((postroad.HOST, 0))
        self.start_relay(resolver={"servers": [f"{postroad.HOST}:{silent.getsockname()[1]}"]})
        for i in range(50):
            self.send(f"bob@d{i}.dest.example", options=())
        self.send("ann@here.example", options=())
        self.wait_delivered(1)
        queue_id = json.loads(postroad.run("queue", "list", "--json", "--config", self.relay.config).stdout.splitlines()[0])["id"]
        facts = json.loads(postroad.run("queue", "why", "--json", queue_id, "--config", self.relay.config).stdout)
        self.assertIn("the DNS (mail exchangers of d", str(facts))
        self.assertEqual(self.relay.stop(), 0, "a stop ends the searches")

    def test_a_reply_that_asks_for_a_pause(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while True:
                by_hand.converse(peer, until="DATA")
                peer.say("354 go on\r\n")
                peer.text()
                peer.say("421-4.7.28 we have seen an unusual rate\r\n421 4.7.28 of mail from you\r\n")
        row = {"name": "up-rate", "hosts": ["up.dest.example"], "codes": ["421 4.7.28"], "text": ["unusual rate of mail"], "action": "pause", "pause": "1h"}
        self.start_relay(reply=[row])
        self.fake_host(script)
        self.send("bob@only.dest.example", options=())
        postroad.eventually(lambda: self.relay.events("site.waits"), self.relay.process)
        (event,) = self.relay.events("site.waits")
        self.assertEqual((event["site"], event["seconds"]), ("mx:up.dest.example", 3600))
        (deferred,) = postroad.eventually(lambda: self.relay.events("recipient.deferred"), self.relay.process)
        self.assertEqual(deferred["host"], f"up.dest.example [127.0.0.2]:{self.settings['mx']['port']}", "though the host has closed")
        self.assertIn("(row up-rate)", event["reason"])
        self.send("eve@a.only.dest.example", options=())
        for restart in (False, True):
            if restart:
                self.assertEqual(self.relay.stop(), 0)
                self.relay.start()
            postroad.eventually(lambda: "waiting: 2" in self.site("show", "mx:up.dest.example"), self.relay.process)
            shown = self.site("show", "mx:up.dest.example")
            self.assertIn("state: waits", shown)
            self.assertRegex(shown, "next try: in (3600|35[0-9][0-9])s")
        listed = [json.loads(line) for line in postroad.run("queue", "list", "--json", "--config", self.relay.config).stdout.splitlines()]
        (waiting,) = [one for one in listed if one["recipients"][0]["address"].startswith("eve")]
        self.assertEqual(waiting["recipients"][0]["attempts"], 0)
        why = postroad.run("queue", "why", waiting["id"], "--config", self.relay.config).stdout
        self.assertRegex(why, "waiting for: site mx:up.dest.example, which is paused for (59min|1h)")
        self.assertEqual(self.site("resume", "mx:up.dest.example"), "resume: mx:up.dest.example\n")
        postroad.eventually(lambda: len(self.relay.events("recipient.deferred")) >= 2, self.relay.process)

    # RFC 5321 gives 421 to the session; providers give it to recipients, too.
    def test_a_row_with_none_keeps_the_site_up(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while "hot" not in by_hand.converse(peer, until="RCPT"):
                peer.say("250 2.1.5 Ok\r\n")
                by_hand.converse(peer, until="DATA")
                peer.say("354 go on\r\n")
                peer.text()
                peer.say("250 2.0.0 Ok\r\n")
            peer.say("421 4.2.1 The user you are trying to contact is receiving mail too quickly\r\n")
        self.fake_host(script)
        for i in range(6):
            self.send(f"hot{i}@only.dest.example", options=())
        postroad.eventually(lambda: len(self.relay.events("recipient.deferred")) >= 6, self.relay.process)
        self.assertEqual(self.relay.events("site.down") + self.relay.events("site.limited"), [])
        self.send("cold@a.only.dest.example", options=())
        self.wait_delivered(1)

    def test_replies_are_checked(self):
        for row, text in (
            ({"codes": ["421"]}, 'reply.0.name: missing; name the row, as in name = "example-busy"'),
            ({"name": "a"}, "reply.0.codes: missing; a row names codes, or parts of the text"),
            ({"name": "a", "codes": ["4"]}, "reply.codes: '4' is not in one of the forms 421, 45x, 421 4.7.0 and 4xx 4.7.x"),
            ({"name": "a", "codes": ["421"], "action": "pause"}, 'reply.0.pause: a time above 0 and action = "pause" belong together'),
            ({"name": "a", "codes": ["421"], "action": "stop"}, "reply.action"),
            ({"name": "a", "codes": ["421"], "hosts": ["mx example"]}, "reply.hosts: 'mx example' is not in one of the forms"),
        ):
            with postroad.Folder() as folder:
                done = postroad.run("config", "check", "--offline", "--config", folder.write("c.toml", postroad.toml({"reply": [row]})))
            self.assertEqual(done.returncode, 78, row)
            self.assertIn(text, done.stderr)

    def test_the_shipped_replies_are_shown(self):
        rows = [json.loads(line) for line in postroad.run("site", "replies", "--json").stdout.splitlines()]
        self.assertIn(("google-rate", "pause", 600), [(one["name"], one["action"], one["pause"]) for one in rows])
        self.assertIn("google-rate  pause 10min\n", postroad.run("site", "replies").stdout)

    def test_a_site_that_is_not_in_use_is_shown(self):
        shown = self.site("show", "only.dest.example")
        self.assertEqual(shown, "mx:up.dest.example\n  state: up\n  limit: 2 messages at once\n  at most: 20\n  under way: 0\n  waiting: 0\n")
        self.site("show", "smtp://nowhere.example:25", code=1)

    def test_destinations_are_checked(self):
        for rows, text in (
            ([{"match": ["a.example"]}], 'destination.0.name: \'\': missing; name the site, as in name = "google"'),
            ([{"name": "a.b", "match": ["a.example"]}], "destination.name: 'a.b': not a name of lower-case letters, digits, '-' and '_'"),
            ([{"name": "a", "match": ["*.a.example"]}], "destination.match: '*.a.example': not in one of the forms example.org, .example.org, mx:"),
            ([{"name": "a"}], "destination.0.match: missing; name domains"),
            ([{"name": "a", "match": ["a.example"]}, {"name": "a", "match": ["b.example"]}], "destination.name: destination.0 has this name"),
            ([{"name": "a", "match": ["a.example"], "connections": 2000}], "connections"),
        ):
            with postroad.Folder() as folder:
                done = postroad.run("config", "check", "--offline", "--config", folder.write("c.toml", postroad.toml({"destination": rows})))
            self.assertEqual(done.returncode, 78, rows)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
