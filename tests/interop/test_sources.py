# Deliveries to mail exchangers that come from several addresses of this machine (`[[source]]`).
import re
import unittest

import by_hand
import postroad
from exchangers import ExchangerCase

SOURCES = [{"name": "one", "addresses": ["127.0.0.21"], "helo_name": "one.here.example"}, {"name": "two", "addresses": ["127.0.0.22"], "weight": 3}]


class SourcesCase(ExchangerCase):
    def came_from(self, count):
        """The addresses and names by which the messages came, by their Received field."""
        found = [re.search(r"from (\S+) \(\[(127[\d.]+)\]", mail.octets.decode()) for mail in self.exchanger.wait_mail(count)]
        return [(one[2], one[1]) for one in found]

    def test_messages_are_shared_by_weight_and_each_keeps_its_source(self):
        self.start_relay(source=SOURCES)
        for number in range(60):
            self.send("bob@dest.example", sender=f"sender{number}@here.example")
        came = self.came_from(60)
        self.assertEqual(set(came), {("127.0.0.21", "one.here.example"), ("127.0.0.22", came[[one[0] for one in came].index("127.0.0.22")][1])})
        count = sum(1 for address, _ in came if address == "127.0.0.21")
        self.assertIn(count, range(4, 29), "a quarter of 60")
        shown = self.site("list")
        for name in ("one", "two"):
            self.assertIn(f"{self.dest_site} from {name}  up", shown)

    def test_a_message_comes_again_from_its_source(self):
        seen = []

        def greylists(peer):
            seen.append(peer.socket.getpeername()[0])
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, replies={"RCPT": "450 4.2.0 greylisted"} if len(seen) < 4 else {})

        with self.fake_host(greylists):
            self.start_relay(source=SOURCES, mx=self.settings["mx"] | {"messages_per_connection": 1}, retry={"initial_delay": "100ms", "first_day_max_delay": "100ms"})
            self.send("bob@dest.example", options=())
            self.note("recipient.delivered", "bob@dest.example")
        self.assertEqual(len(set(seen)), 1, seen)

    def test_without_its_address_a_source_is_left_out(self):
        self.start_relay(source=[{"name": "gone", "addresses": ["192.0.2.77"], "weight": 1000}, SOURCES[0]])
        self.send("bob@dest.example")
        self.assertEqual({address for address, _ in self.came_from(1)}, {"127.0.0.21"})
        done = postroad.run("config", "check", "--config", self.relay.config)
        self.assertIn("source.addresses: 192.0.2.77: ", done.stderr + done.stdout)

    def test_without_any_address_messages_wait(self):
        self.start_relay(source=[{"name": "gone", "addresses": ["192.0.2.77"]}], retry={"initial_delay": "1h", "first_day_max_delay": "1h"})
        self.send("bob@dest.example")
        self.assertIn("4.4.4 source gone: no address of it can be used", self.note("recipient.deferred", "bob@dest.example"))
        self.assertEqual(self.relay.events("site.down"), [], "the site has no fault")

    def test_a_family_that_the_source_lacks(self):
        self.start_relay(source=[{"name": "six", "addresses": ["::1"]}], retry={"initial_delay": "1h", "first_day_max_delay": "1h"})
        self.send("bob@dest.example")
        self.assertIn("4.4.4 source six: it has no address of the family of any host", self.note("recipient.deferred", "bob@dest.example"))
        self.assertEqual(self.relay.events("site.down"), [], "the hosts have no fault")

    def test_messages_of_a_source_without_the_family_go_from_another(self):
        self.start_relay(source=[{"name": "six", "addresses": ["::1"], "weight": 1000}, SOURCES[0]])
        for number in range(5):
            self.send("bob@dest.example", sender=f"sender{number}@here.example")
        self.assertEqual({address for address, _ in self.came_from(5)}, {"127.0.0.21"})
        self.assertEqual(self.relay.events("recipient.deferred"), [])

    def test_a_pause_of_the_site_holds_all_its_sources(self):
        self.start_relay(source=SOURCES)
        self.assertIn("from two", self.site("pause", self.dest_site))
        for number in range(10):
            self.send("bob@dest.example", sender=f"sender{number}@here.example")
        postroad.eventually(lambda: self.site("list").count(" paused ") == 2, what=self.site("list"))
        self.assertEqual(self.relay.events("recipient.delivered"), [])
        self.site("resume", self.dest_site)
        self.exchanger.wait_mail(10)

    def test_sources_are_checked(self):
        for sources, text in (
            ([{"addresses": ["127.0.0.1"]}], "source.0.name: '': missing; name the source"),
            ([{"name": "A", "addresses": ["127.0.0.1"]}], "source.name: 'A': not a name of lower-case letters"),
            ([{"name": "a"}], "source.0.addresses: missing; name an address of this machine"),
            ([{"name": "a", "addresses": ["mx.example"]}], "source.addresses: 'mx.example': not an address"),
            ([{"name": "a", "addresses": ["127.0.0.1", "127.0.0.2"]}], "127.0.0.2 is a second address of its family"),
            ([{"name": "a", "addresses": ["127.0.0.1"]}] * 2, "source.0 has this name"),
        ):
            with postroad.Folder() as folder:
                config = folder.write("postroad.toml", postroad.toml(self.settings | {"source": sources}))
                done = postroad.run("config", "check", "--config", config)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn(text, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
