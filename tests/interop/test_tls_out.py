# TLS with mail exchangers: DANE with signed zones (nsd), MTA-STS with a policy host over HTTPS, the levels of the configuration,
# REQUIRETLS and TLS-Required, and opportunistic TLS that fails. Exchangers are servers at loopback addresses.
import json
import re
import unittest

import by_hand
import postroad
from certificates import server_context
from nsd import SOA, Nsd, sign
from tls_relay import ZONE, TlsRelay, digest_of


class TlsOut(TlsRelay):
    # DANE

    def test_dane_by_the_key_needs_neither_name_nor_ca(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.start(self.stranger, self.stranger_key)
        self.send("bob@a.example")
        self.assertIn("verified by DANE", self.delivered("a.example")["host_tls"])

    def test_dane_by_a_trust_anchor_needs_the_name(self):
        certificate, key = self.certificates.make("ta", san="DNS:mx.a.example")
        with open(certificate, "a") as chain:
            chain.write(self.certificates.ca.read_text())
        self.zone("a.example", self.tlsa(self.certificates.ca, 2, 0))
        self.zone("b.example", self.tlsa(self.certificates.ca, 2, 0))
        self.start(certificate, key)
        self.send("bob@a.example")
        self.assertIn("verified by DANE", self.delivered("a.example")["host_tls"])
        self.send("bob@b.example")
        self.assertIn("4.7.5 ", self.deferred("b.example"))
        self.assertIn("mx.b.example", self.event("dane.failed")["host"])

    def test_a_key_that_does_not_match(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        note = self.deferred("a.example")
        self.assertTrue(note.startswith("4.7.5 "), note)
        self.assertIn("matches none of its TLSA records", note)
        self.assertEqual(self.relay.events("recipient.delivered"), [])

    def test_one_record_of_several_suffices(self):
        self.zone("a.example", self.tlsa(self.stranger) + self.tlsa(self.certificate))
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.assertIn("verified by DANE", self.delivered("a.example")["host_tls"])

    def test_a_host_without_starttls_is_not_used(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.start()
        self.send("bob@a.example")
        self.assertTrue(self.deferred("a.example").startswith("4.7.5 "))

    def test_the_next_host_is_used(self):
        self.zone("a.example", self.tlsa(self.stranger) + "@ IN MX 20 good\ngood IN A 127.0.0.2\n" + self.tlsa(self.certificate, owner="good"))
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.assertIn("good.a.example", self.delivered("a.example")["host"])
        self.assertEqual(self.event("dane.failed")["host"], "mx.a.example")

    def test_only_unusable_records_ask_for_tls_alone(self):
        self.zone("a.example", self.tlsa(self.certificate, usage=1))
        self.zone("b.example", f"_{self.port}._tcp.mx IN TLSA 3 1 9 abcdef\n")
        self.start(self.stranger, self.stranger_key)
        for domain in ("a.example", "b.example"):
            self.send(f"bob@{domain}")
            self.assertIn("not verified", self.delivered(domain)["host_tls"])

    def test_only_unusable_records_and_no_tls(self):
        self.zone("a.example", self.tlsa(self.certificate, usage=1))
        self.start()
        self.send("bob@a.example")
        self.assertTrue(self.deferred("a.example").startswith("4.7.5 "))

    def test_an_unsigned_zone_is_not_asked(self):
        self.zone("a.example", self.tlsa(self.stranger), signed=False)
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.assertIn("not verified", self.delivered("a.example")["host_tls"])

    def test_a_signed_zone_without_records(self):
        self.zone("a.example")
        self.start()
        self.send("bob@a.example")
        self.assertEqual(self.delivered("a.example")["host_tls"], "none")

    def test_a_bogus_answer_about_the_certificate(self):
        def change(text):
            digest = digest_of(self.certificate)
            text, count = re.subn(digest, digest_of(self.stranger), text)
            assert count == 1, text
            return text

        self.zone("a.example", self.tlsa(self.certificate), change=change)
        self.start(self.stranger, self.stranger_key)
        self.send("bob@a.example")
        note = self.deferred("a.example")
        self.assertTrue(note.startswith("4.7.5 "), note)
        self.assertIn("TLSA", note)

    def test_bogus_mx_and_address(self):
        self.zone("a.example", change=lambda text: re.sub(r"MX\t10 mx", "MX\t11 mx", text))
        self.zone("b.example", change=lambda text: text.replace("127.0.0.2", "127.0.0.3"))
        self.start()
        for domain in ("a.example", "b.example"):
            self.send(f"bob@{domain}")
            self.assertTrue(self.deferred(domain).startswith("4.7.5 "), self.deferred(domain))

    def test_a_host_behind_an_alias(self):
        self.zone("a.example", "@ IN MX 5 alias\nalias IN CNAME mx\n" + self.tlsa(self.stranger))
        self.start(self.stranger, self.stranger_key)
        self.send("bob@a.example")
        self.assertIn("verified by DANE", self.delivered("a.example")["host_tls"])

    def test_a_signed_alias_to_an_unsigned_zone(self):
        self.zone("plain.example", signed=False)
        self.zone("a.example", "@ IN MX 5 alias\nalias IN CNAME mx.plain.example.\n" + self.tlsa(self.stranger, owner="alias"))
        self.start(self.stranger, self.stranger_key)
        self.send("bob@a.example")
        self.assertIn("verified by DANE", self.delivered("a.example")["host_tls"])

    def test_the_domain_without_mx_records(self):
        self.zone("a.example", "x IN A 127.0.0.2\n" + self.tlsa(self.stranger, owner="x"))
        self.start(self.stranger, self.stranger_key)
        self.send("bob@x.a.example")
        self.assertIn("verified by DANE", self.delivered("x.a.example")["host_tls"])

    def test_dane_switched_off(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.start(self.certificate, self.key, tls_out={"dane": False})
        self.send("bob@a.example")
        self.assertIn("not verified", self.delivered("a.example")["host_tls"])

    def test_a_name_server_that_removes_signatures(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.zones["a.example"] = "\n".join(line for line in self.zones["a.example"].splitlines() if not re.search(r"\s(RRSIG|NSEC3?)\s", line))
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        self.send("bob@a.example")
        self.exchanger.wait_mail(2)
        self.assertEqual(len(self.relay.events("dns.not_validated")), 1)
        self.assertIn("without DNSSEC signatures", self.event("dns.not_validated")["reason"])

    def test_keys_with_old_signatures_are_bogus(self):
        text = SOA.format(zone="a.example") + ZONE
        self.zones["a.example"], key = sign(self.folder, "a.example", text, "-i", "20200101000000", "-e", "20200201000000")
        self.anchors.append(key)
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.assertTrue(self.deferred("a.example").startswith("4.7.5 "))
        self.assertEqual(self.relay.events("dns.not_validated"), [])

    def test_without_a_trust_anchor_dane_is_off_where_the_root_is_not_known(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.anchors.clear()
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        self.assertIn("not verified", self.delivered("a.example")["host_tls"])
        self.event("dns.not_validated")

    def test_no_answer_about_the_certificate_is_not_no_record(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.zone("b.example", signed=False)
        self.proxy_for = 52
        self.start(self.certificate, self.key)
        self.send("bob@a.example")
        note = self.deferred("a.example")
        self.assertTrue(note.startswith("4.7.5 ") and "TLSA of _" in note, note)
        failed = self.proxy.failed
        self.send("bob@b.example")
        self.delivered("b.example")
        self.assertEqual(self.proxy.failed, failed, "TLSA records below an unsigned host were asked for")

    # MTA-STS

    def test_an_enforced_policy(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text())
        self.start_sts()
        self.send("bob@sts.example")
        event = self.delivered("sts.example")
        self.assertIn(" verified", event["host_tls"])
        self.assertIn("mx.sts.example", event["host"])
        self.assertIn("enforce, id 1, ", self.policy("show", "sts.example"))
        self.assertEqual(json.loads(self.policy("show", "--json"))["mta_sts"]["mx"], ["mx.sts.example"])
        self.relay.restart()
        self.send("bob@sts.example")
        self.exchanger.wait_mail(2)
        self.assertEqual(len(self.policies.asked), 1, "a restart forgot the policy")
        self.assertIn("purged: sts.example", self.policy("purge", "sts.example"))
        self.send("bob@sts.example")
        self.exchanger.wait_mail(3)
        self.assertEqual(self.policies.asked, [("mta-sts.sts.example", "/.well-known/mta-sts.txt")] * 2)

    def test_hosts_that_are_not_listed(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(mx=["*.other.example", "mx2.sts.example"]))
        self.start_sts()
        self.send("bob@sts.example")
        self.assertIn("mx2.sts.example", self.delivered("sts.example")["host"])
        self.assertIn("does not list this host", self.event("sts.failed")["reason"])

    def test_no_host_is_listed(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(mx=["*.other.example"]))
        self.start_sts()
        self.send("bob@sts.example")
        note = self.deferred("sts.example")
        self.assertTrue(note.startswith("4.7.5 ") and "does not list" in note, note)
        plan = json.loads(postroad.run("plan", "bob@sts.example", "--json", "--config", self.relay.config).stdout)
        self.assertIn("enforce", plan["mta_sts"])
        self.assertIn("not used (MTA-STS)", plan["hosts"][0]["tls"])

    def test_a_certificate_that_is_not_valid(self):
        self.policy_host("sts.example", "testing.example", "none.example")
        self.sts_zone("sts.example", self.policy_text())
        self.sts_zone("testing.example", self.policy_text("testing", mx=["mx.testing.example"]))
        self.sts_zone("none.example", self.policy_text("none", mx=[]))
        self.start_sts(self.stranger, self.stranger_key)
        self.send("bob@sts.example")
        self.assertTrue(self.deferred("sts.example").startswith("4.7.5 "))
        for domain in ("testing.example", "none.example"):
            self.send(f"bob@{domain}")
            self.assertIn("not verified", self.delivered(domain)["host_tls"])
        self.assertIn("certificate", self.event("sts.test_failed", "testing.example")["reason"])
        self.assertEqual(len(self.relay.events("sts.test_failed")), 1)
        self.send("bob@sts.example", header="TLS-Required: No\r\n")
        self.assertIn("not verified", self.delivered("sts.example")["host_tls"])

    def test_policies_that_cannot_be_fetched(self):
        domains = [f"{name}.example" for name in ("missing", "moved", "html", "large", "wrong")]
        self.policy_host(*domains)
        for domain in (*domains, "name.example"):
            self.sts_zone(domain, self.policy_text())
        answers = self.policies.answers
        answers["mta-sts.missing.example"] = (404, "text/plain", "")
        answers["mta-sts.moved.example"] = (301, "text/plain", "")
        answers["mta-sts.html.example"] = (200, "text/html", self.policy_text())
        answers["mta-sts.large.example"] = (200, "text/plain", self.policy_text() + "x: y\r\n" * 20000)
        answers["mta-sts.wrong.example"] = (200, "text/plain", "version: STSv2\r\nmode: enforce\r\n")
        self.start_sts()
        for domain in (*domains, "name.example"):
            self.send(f"bob@{domain}")
            self.assertIn("not verified", self.delivered(domain)["host_tls"])
        for domain, why in zip((*domains, "name.example"), ("404", "301", "text/html", "longer than allowed", "not STSv1", "certificate is not for")):
            self.assertIn(why, self.event("sts.not_fetched", domain)["reason"])
        asked = len(self.policies.asked)
        self.send("bob@missing.example")
        self.exchanger.wait_mail(7)
        self.assertEqual(len(self.policies.asked), asked, "there was no pause after a failed fetch")

    def change_zone(self, domain, policy, number):
        """The zone with another id of the policy; the resolver has no memory of the old one after a reload."""
        self.nsd.__exit__()
        self.zones.clear()
        self.sts_zone(domain, policy, number)
        self.nsd = self.enterContext(Nsd(self.zones))
        self.relay.stop()
        self.settings["resolver"] = {"servers": [self.nsd.address.replace("@", ":")]}
        self.relay.config.write_text(self.relay.config.read_text().replace(self.first_server, self.nsd.address.replace("@", ":")))
        self.relay.start()

    def test_a_new_id_fetches_the_policy_and_a_failure_keeps_the_old_one(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(mx=["nothing.example"]))
        self.start_sts()
        self.first_server = self.nsd.address.replace("@", ":")
        self.send("bob@sts.example")
        self.deferred("sts.example")
        self.policies.answers["mta-sts.sts.example"] = (500, "text/plain", "")
        self.change_zone("sts.example", None, "2")
        self.send("bob@sts.example")
        postroad.eventually(lambda: "the last fetch failed: " in self.show(), what="a failed fetch")
        self.assertIn("enforce, id 1, ", self.show())
        self.first_server = self.nsd.address.replace("@", ":")
        self.change_zone("sts.example", self.policy_text(), "3")
        self.send("bob@sts.example")
        self.assertIn(" verified", self.delivered("sts.example")["host_tls"])

    def test_a_policy_that_is_over(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(mx=["nothing.example"], age=1))
        self.start_sts()
        self.send("bob@sts.example")
        self.deferred("sts.example")
        postroad.eventually(lambda: "nothing is remembered" in self.show(), what="the end of the policy")
        self.policies.answers.clear()
        self.send("bob@sts.example")
        self.assertIn("not verified", self.delivered("sts.example")["host_tls"])

    def show(self):
        done = postroad.run("policy", "show", "--config", self.relay.config)
        return done.stdout + done.stderr

    def test_dane_comes_before_mta_sts(self):
        self.policy_host("sts.example")
        self.policies.answers["mta-sts.sts.example"] = (200, "text/plain", self.policy_text(mx=["*.sts.example"]))
        self.zone("sts.example", f'_mta-sts IN TXT "v=STSv1; id=1"\nmta-sts IN A 127.0.0.9\n' + self.tlsa(self.stranger))
        self.start_sts()
        self.send("bob@sts.example")
        self.assertIn("matches none of its TLSA records", self.deferred("sts.example"))

    def test_the_delay_is_reported_sooner(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(mx=["nothing.example"]))
        self.start(self.certificate, self.key, tls_out={"sts_port": self.policies.port}, bounces={"tls_delay_after": "1ms"},
                   local={"domains": ["here.example"], "mailboxes": ["ann"]})
        self.send("bob@sts.example", asks=["NOTIFY=DELAY"])
        self.assertIn("ann@here.example", self.event("report.queued")["to"])

    # REQUIRETLS and TLS-Required

    def test_tls_required_no_relaxes_dane(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.start(self.certificate, self.key)
        self.send("bob@a.example", header="TLS-Required: No\r\n")
        self.assertIn("not verified", self.delivered("a.example")["host_tls"])

    def test_requiretls_fails_closed(self):
        self.zone("plain.example")
        self.listener = {"requiretls": False}
        self.start(self.certificate, self.key)
        self.send("bob@plain.example", options=["REQUIRETLS"], tls=True)
        note = self.event("recipient.failed", "bob@plain.example")["note"]
        self.assertTrue(note.startswith("5.7.30 ") and "the server does not offer it" in note, note)

    def test_requiretls_needs_a_proof_of_the_host(self):
        self.zone("plain.example", signed=False)
        self.start(self.certificate, self.key)
        self.send("bob@plain.example", options=["REQUIRETLS"], tls=True)
        note = self.event("recipient.failed", "bob@plain.example")["note"]
        self.assertTrue(note.startswith("5.7.30 ") and "neither DNSSEC nor an MTA-STS policy proves" in note, note)

    def test_requiretls_waits_for_a_temporary_failure(self):
        self.zone("a.example", self.tlsa(self.stranger))
        self.proxy_for = 52
        self.start(self.certificate, self.key)
        self.send("bob@a.example", options=["REQUIRETLS"], tls=True)
        self.assertTrue(self.deferred("a.example").startswith("4.7.5 "))

    def test_requiretls_with_a_strange_certificate(self):
        self.zone("plain.example")
        self.start(self.stranger, self.stranger_key)
        self.send("bob@plain.example", options=["REQUIRETLS"], tls=True)
        note = self.event("recipient.failed", "bob@plain.example")["note"]
        self.assertTrue(note.startswith("5.7.10 "), note)

    def test_requiretls_by_ca_and_by_dane(self):
        self.zone("plain.example")
        self.zone("a.example", self.tlsa(self.certificate))
        self.start(self.certificate, self.key)
        for domain in ("plain.example", "a.example"):
            self.send(f"bob@{domain}", options=["REQUIRETLS"], tls=True)
            self.assertIn(" verified", self.delivered(domain)["host_tls"])

    # The levels, and opportunistic TLS

    def test_levels(self):
        self.zone("plain.example", signed=False)
        self.zone("other.example", signed=False)
        self.zone("free.example", signed=False)
        self.start(self.certificate, self.key, tls_out={"level": "verify"}, destination=[
            {"name": "other", "match": ["other.example"], "tls": "required"}, {"name": "free", "match": ["free.example"], "tls": "opportunistic"}])
        for domain, tls in (("plain.example", " verified"), ("other.example", "not verified"), ("free.example", "not verified")):
            self.send(f"bob@{domain}")
            self.assertIn(tls, self.delivered(domain)["host_tls"])

    def test_levels_without_tls(self):
        self.zone("plain.example", signed=False)
        self.start(tls_out={"level": "required"})
        self.send("bob@plain.example")
        self.assertTrue(self.deferred("plain.example").startswith("4.7.5 "))

    def test_a_failed_handshake_is_remembered(self):
        self.zone("plain.example", signed=False)
        self.start()
        self.exchanger.stop()
        sessions = []

        def broken(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while (line := peer.line().upper()).startswith("EHLO"):
                peer.say("250-fake.example\r\n250 STARTTLS\r\n")
            if line.startswith("STARTTLS"):
                sessions.append("handshake")
                self.answer_without_tls(peer)
            else:
                sessions.append("mail")
                peer.say("250 2.1.0 Ok\r\n")
                by_hand.converse(peer)

        with by_hand.FakeServer(broken, address="127.0.0.2", port=self.port, together=True):
            self.send("bob@plain.example")
            self.assertEqual(self.delivered("plain.example")["host_tls"], "none")
            shown = self.policy("show")
            self.assertIn("mx.plain.example\n  without TLS until ", shown)
            self.relay.restart()
            self.send("bob@plain.example")
            postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) >= 1 and len(sessions) >= 3, what=f"{sessions}")
            self.assertEqual(sessions[:2], ["handshake", "mail"])
            self.assertIn("mail", sessions[2:])
            self.assertNotIn("handshake", sessions[2:], "TLS was tried again")
            self.assertIn("purged: mx.plain.example", self.policy("purge", "mx.plain.example"))
            self.assertIn("nothing", self.policy("show", code=1))

    def fake_exchanger(self, handshake, mail):
        """An exchanger whose handshakes and sessions without TLS are scripts; returns what it saw."""
        self.zone("plain.example", signed=False)
        self.start()
        self.exchanger.stop()
        sessions = []

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while (line := peer.line().upper()).startswith("EHLO"):
                peer.say("250-fake.example\r\n250 STARTTLS\r\n")
            sessions.append("handshake" if line.startswith("STARTTLS") else "mail")
            handshake(peer) if line.startswith("STARTTLS") else mail(peer)

        self.enterContext(by_hand.FakeServer(script, address="127.0.0.2", port=self.port, together=True))
        return sessions

    @staticmethod
    def answer_without_tls(peer):
        """Text in the place of the handshake, once it has begun."""
        peer.say("220 go ahead\r\n")
        peer.socket.recv(1)
        peer.say("this is no TLS\r\n")

    @staticmethod
    def accept(peer):
        peer.say("250 2.1.0 Ok\r\n")
        by_hand.converse(peer)

    def test_a_connection_that_is_lost_in_the_handshake_is_remembered_the_second_time(self):
        sessions = self.fake_exchanger(lambda peer: peer.say("220 go ahead\r\n"), self.accept)
        for count in 1, 2:
            self.send("bob@plain.example")
            postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == count, what=f"{sessions}")
            self.assertEqual(self.relay.events("tls.left_out") != [], count == 2)
        self.assertEqual(sessions, ["handshake", "mail", "handshake"])  # the one without TLS was kept

    def test_a_host_that_demands_tls_gets_no_second_try_without(self):
        sessions = self.fake_exchanger(self.answer_without_tls, lambda peer: peer.say("530 5.7.0 Must issue a STARTTLS command first\r\n"))
        self.send("bob@plain.example")
        self.assertIn("STARTTLS", self.deferred("plain.example"))
        self.assertEqual(sessions, ["handshake", "mail"])
        self.assertIn("nothing", self.policy("show", code=1))

    def test_a_host_that_demands_tls_again_gets_it(self):
        broken = [True]
        context = server_context(self.certificate, self.key)

        def handshake(peer):
            if broken[0]:
                return self.answer_without_tls(peer)
            peer.say("220 go ahead\r\n")
            peer.starttls(context)
            peer.line()
            peer.say("250 fake.example\r\n")
            peer.line()
            self.accept(peer)

        sessions = self.fake_exchanger(handshake, lambda peer: self.accept(peer) if broken[0] else peer.say("530 5.7.0 Must issue a STARTTLS command first\r\n"))
        self.send("bob@plain.example")
        self.delivered("plain.example")
        self.assertIn("without TLS until", self.policy("show"))
        broken[0] = False
        self.relay.restart()
        self.send("bob@plain.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == 2, what=f"{sessions}")
        self.assertEqual(sessions, ["handshake", "mail", "mail", "handshake"])
        self.assertIn("nothing", self.policy("show", code=1))

    def policy(self, *words, code=0):
        done = postroad.run("policy", words[0], "--config", self.relay.config, *words[1:])
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr


if __name__ == "__main__":
    unittest.main(verbosity=2)
