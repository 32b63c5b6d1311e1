# The resolver against a real name server (nsd): every type of record, aliases, names and types that are missing, servers that
# refuse or are silent, and zones signed by ldns-signzone: right, changed afterwards, expired, and without a trust anchor.
import json
import os
import re
import socket
import time
import unittest

import postroad
from nsd import SOA, Nsd, sign
from postroad import HOST, PATIENCE, ROOT, run_program

DNS_QUERY = os.path.abspath(os.environ.get("DNS_QUERY", str(ROOT / "build/release/bin/dns_query")))
DIGEST = "0123456789abcdef" * 4
ZONE = SOA + f"""
@ 600 IN MX 10 mx1
@ 600 IN MX 20 mx2.elsewhere.example.
mx1 IN A 192.0.2.25
mx1 IN A 192.0.2.26
mx1 IN AAAA 2001:db8::25
_25._tcp.mx1 IN TLSA 3 1 1 {DIGEST}
_25._tcp.mx1 IN TLSA 2 0 2 {DIGEST}{DIGEST}
@ IN TXT "v=spf1 " "mx -all"
@ IN TXT "second"
nomail IN MX 0 .
alias 120 IN CNAME second
second 60 IN CNAME mx1
dangling IN CNAME nowhere
loop1 IN CNAME loop2
loop2 IN CNAME loop1
*.wild IN MX 5 mx1
"""


def ask(servers, *questions, anchors="-", within=20000):
    """The answers as dictionaries, one per question "TYPE NAME"; all are asked at the same time by one resolver."""
    words = [word for question in questions for word in question.split()]
    done = run_program(DNS_QUERY, servers, anchors, within, *words, timeout=PATIENCE + within / 1000)
    if done.returncode != 0:
        raise AssertionError(f"dns_query: exit code {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


class RealServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = Nsd({"zone.example": ZONE.format(zone="zone.example"), "2.0.192.in-addr.arpa": SOA.format(zone="zone.example") + "25 IN PTR mx1.zone.example.\n"})
        cls.addClassCleanup(cls.nsd.__exit__)

    def records(self, question):
        [answer] = ask(self.nsd.address, question)
        self.assertEqual((answer["status"], answer["security"]), ("records", "insecure"), answer)
        return sorted(answer["records"])

    def test_records_of_every_type(self):
        self.assertEqual(self.records("MX zone.example"), ["10 mx1.zone.example", "20 mx2.elsewhere.example"])
        self.assertEqual(self.records("A mx1.zone.example"), ["192.0.2.25", "192.0.2.26"])
        self.assertEqual(self.records("AAAA mx1.zone.example."), ["2001:db8::25"])
        self.assertEqual(self.records("TLSA _25._tcp.mx1.zone.example"), [f"2 0 2 {DIGEST}{DIGEST}", f"3 1 1 {DIGEST}"])
        self.assertEqual(self.records("TXT zone.example"), ["second", "v=spf1 mx -all"])
        self.assertEqual(self.records("PTR 192.0.2.25"), ["mx1.zone.example"])
        self.assertEqual(self.records("MX nomail.zone.example"), ["0 ."])
        self.assertEqual(self.records("MX anything.wild.zone.example"), ["5 mx1.zone.example"])

    def test_the_time_to_live(self):
        [mx, alias] = ask(self.nsd.address, "MX zone.example", "A alias.zone.example")
        self.assertIn(mx["ttl"], range(590, 601))
        self.assertIn(alias["ttl"], range(50, 61), "the shortest of the chain")

    def test_aliases(self):
        [chain, dangling, no_data, loop, plain] = ask(self.nsd.address, "A alias.zone.example", "A dangling.zone.example", "MX alias.zone.example",
                                                      "A loop1.zone.example", "A mx1.zone.example")
        self.assertEqual((chain["status"], chain["canonical"], sorted(chain["records"])), ("records", "mx1.zone.example", ["192.0.2.25", "192.0.2.26"]))
        self.assertEqual((dangling["status"], dangling["canonical"]), ("NXDOMAIN", "nowhere.zone.example"))
        self.assertEqual((no_data["status"], no_data["canonical"]), ("NODATA", "mx1.zone.example"))
        self.assertEqual((loop["status"], loop["records"]), ("temporary failure", []))
        self.assertEqual(plain["canonical"], "")

    def test_missing_names_and_types(self):
        [missing, no_data] = ask(self.nsd.address, "MX nowhere.zone.example", "MX mx1.zone.example")
        self.assertEqual((missing["status"], missing["records"], missing["reason"]), ("NXDOMAIN", [], ""))
        self.assertEqual((no_data["status"], no_data["records"], no_data["reason"]), ("NODATA", [], ""))

    def test_a_server_that_refuses(self):
        [answer] = ask(self.nsd.address, "MX not-served.example")
        self.assertEqual((answer["status"], answer["security"]), ("temporary failure", "insecure"))
        self.assertIn("no name server gave an answer", answer["reason"])

    def test_a_silent_server_ends_at_the_deadline(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((HOST, 0))
            begin = time.monotonic()
            answers = ask(f"{HOST}@{silent.getsockname()[1]}", "MX zone.example", "A zone.example", within=700)
            self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertEqual([(one["status"], one["reason"]) for one in answers], [("temporary failure", "no answer before the deadline")] * 2)

    def test_the_next_server_is_asked_where_one_refuses(self):
        with Nsd({"other.example": SOA.format(zone="other.example")}) as refuses:
            [answer] = ask(f"{refuses.address},{self.nsd.address}", "MX nomail.zone.example")
        self.assertEqual((answer["status"], answer["records"]), ("records", ["0 ."]))

    def test_many_queries_at_a_time(self):
        answers = ask(self.nsd.address, *[f"MX n{number}.wild.zone.example" for number in range(1000)])
        self.assertEqual({tuple(one["records"]) for one in answers}, {("5 mx1.zone.example",)})


class Dnssec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = postroad.Folder()
        cls.addClassCleanup(folder.__exit__)
        signed = {zone: sign(folder, zone, ZONE.format(zone=zone)) for zone in ("secure.example", "changed.example", "unknown.example")}
        signed["expired.example"] = sign(folder, "expired.example", ZONE.format(zone="expired.example"), "-i", "20200101000000", "-e", "20200201000000")
        zones = {zone: content for zone, (content, _) in signed.items()}
        zones["unsigned.example"] = ZONE.format(zone="unsigned.example")
        zones["changed.example"], count = re.subn(r"192\.0\.2\.25$", "192.0.2.66", zones["changed.example"], flags=re.MULTILINE)
        assert count == 1
        cls.anchors = folder.write("anchors", "".join(ds for zone, (_, ds) in signed.items() if zone != "unknown.example"))
        cls.nsd = Nsd(zones)
        cls.addClassCleanup(cls.nsd.__exit__)

    def ask(self, *questions):
        return ask(self.nsd.address, *questions, anchors=self.anchors)

    def test_a_signed_zone_is_secure(self):
        answers = self.ask("MX secure.example", "A alias.secure.example", "TLSA _25._tcp.mx1.secure.example")
        self.assertEqual([(one["status"], one["security"]) for one in answers], [("records", "secure")] * 3)

    def test_what_is_missing_from_a_signed_zone_is_proved(self):
        answers = self.ask("TLSA _25._tcp.nowhere.secure.example", "TLSA mx1.secure.example")
        self.assertEqual([(one["status"], one["security"]) for one in answers], [("NXDOMAIN", "secure"), ("NODATA", "secure")])

    def test_a_changed_record_is_bogus(self):
        [changed, other] = self.ask("A mx1.changed.example", "MX changed.example")
        self.assertEqual((changed["status"], changed["security"], changed["records"]), ("bogus", "bogus", []))
        self.assertIn("DNSSEC validation of the answer failed: ", changed["reason"])
        self.assertEqual(other["security"], "secure")

    def test_an_alias_to_a_changed_record_is_bogus(self):
        [answer] = self.ask("A alias.changed.example")
        self.assertEqual((answer["status"], answer["records"]), ("bogus", []))

    def test_expired_signatures_are_bogus(self):
        [answer] = self.ask("MX expired.example")
        self.assertEqual((answer["status"], answer["records"]), ("bogus", []))

    def test_without_a_trust_anchor_all_is_insecure(self):
        answers = self.ask("MX unknown.example", "MX unsigned.example") + ask(self.nsd.address, "MX secure.example", "A mx1.changed.example")
        self.assertEqual([(one["status"], one["security"]) for one in answers], [("records", "insecure")] * 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
