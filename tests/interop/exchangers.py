# Shared by the tests of delivery to mail exchangers: a real name server (nsd), a relay, and the hosts at loopback addresses.
import smtplib
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
*.only IN MX 1 up
null IN MX 0 .
nothing IN TXT "a name without an address"
inside IN MX 0 router
router IN A 192.168.0.1
alias IN CNAME dest.example.
"""


class ExchangerCase(unittest.TestCase):
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

    def fake_host(self, script=by_hand.plain_server):
        self.exchanger.stop()
        return self.enterContext(by_hand.FakeServer(script, address="127.0.0.2", port=self.settings["mx"]["port"], together=True))

    def start_relay(self, **tables):
        """In place of the running one, with these tables changed."""
        self.relay.stop()
        self.settings |= tables
        self.relay = self.enterContext(postroad.Server(self.settings))

    dest_site = "mx:(down|up).dest.example"

    def site(self, *words, code=0):
        done = postroad.run("site", words[0], "--config", self.relay.config, *words[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout
