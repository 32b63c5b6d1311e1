# Reports about TLS (RFC 8460): sessions counted per policy, records in the DNS, reports by mail (signed) and by HTTPS.
import email
import email.policy
import gzip
import json
import os
import signal
import subprocess
import unittest

import by_hand
import postroad
from certificates import server_context
from tls_relay import HttpsHost, TlsRelay

DAY = 86400


class Tlsrpt(TlsRelay):
    """The reports of each domain go by mail to reports@rpt.example, whose exchanger is a catcher, unless the test says otherwise."""

    def report_zone(self, records="", rua="mailto:tls@rpt.example", signed=False, name="a.example"):
        self.zone(name, (f'_smtp._tls IN TXT "v=TLSRPTv1; rua={rua}"\n' if rua else "") + records, signed=signed)

    def start_reports(self, *args, more=None, **tables):
        if "rpt.example" not in self.zones:
            self.zone("rpt.example", signed=False)
        self.start(*args, tlsrpt={"enabled": True, "organization": "Example Inc.", "contact": "ann@here.example"} | (more or {}), **tables)

    def tlsrpt(self, *words, code=0):
        done = postroad.run("tlsrpt", words[0], "--config", self.relay.config, *words[1:])
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def message_to(self, address):
        """The message that the catcher has for this address."""
        found = []

        def is_there():
            found[:] = [raw for raw in (mail.path.read_bytes() for mail in self.exchanger.mails()) if f"To: {address}".encode() in raw]
            return bool(found)

        postroad.eventually(is_there, what=f"a message to {address}")
        return found[0]

    def report_in(self, raw):
        """The JSON of a report that came by mail."""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "tlsrpt")
        part = list(message.iter_parts())[1]
        self.assertEqual(part.get_content_type(), "application/tlsrpt+gzip")
        return json.loads(gzip.decompress(part.get_content())), message, part

    def counted(self, domain="a.example"):
        """The only policy of the only report of a domain, once a session was counted."""
        found = []

        def is_there():
            done = postroad.run("tlsrpt", "show", "--config", self.relay.config, "--json", domain)
            found[:] = [json.loads(line) for line in done.stdout.splitlines()]
            return bool(found)

        postroad.eventually(is_there, what=f"a session of {domain}")
        self.assertEqual(len(found[0]["policies"]), 1, found)
        return found[0]["policies"][0]

    def failure(self, kind, reason, domain="a.example", host="mx.a.example", sessions=1):
        """The sessions of the domain have failed; returns their policy."""
        counts = self.counted(domain)
        self.assertEqual(counts["summary"], {"total-successful-session-count": 0, "total-failure-session-count": sessions})
        detail = next(one for one in counts["failure-details"] if one["receiving-mx-hostname"] == host)
        self.assertEqual(detail["result-type"], kind)
        self.assertIn(reason, detail["failure-reason-code"])
        self.assertEqual(detail["failed-session-count"], 1)
        return counts["policy"]

    # The whole way

    def test_a_report_by_mail(self):
        self.report_zone()
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        self.assertIn("sent to mailto:tls@rpt.example: queued as ", self.tlsrpt("send"))
        report, message, part = self.report_in(self.message_to("tls@rpt.example"))
        host = "here.example"  # of the contact
        self.assertEqual(report["organization-name"], "Example Inc.")
        self.assertEqual(report["contact-info"], "ann@here.example")
        self.assertRegex(report["date-range"]["start-datetime"], r"^\d{4}-\d\d-\d\dT00:00:00Z$")
        self.assertRegex(report["report-id"], rf"^\d+\.\d+\.a\.example@{host}$")
        policy = {"policy-type": "no-policy-found", "policy-domain": "a.example"}
        summary = {"total-successful-session-count": 1, "total-failure-session-count": 0}
        self.assertEqual(report["policies"], [{"policy": policy, "summary": summary}])
        self.assertEqual(message["From"], "ann@here.example")
        self.assertEqual(message["To"], "tls@rpt.example")
        self.assertEqual(message["Subject"], f"Report Domain: a.example Submitter: {host} Report-ID: <{report['report-id']}>")
        self.assertEqual(message["TLS-Report-Domain"], "a.example")
        self.assertEqual(message["TLS-Report-Submitter"], host)
        self.assertEqual(message["TLS-Required"], "No")
        self.assertRegex(part.get_filename(), rf"^{host}!a\.example!\d+!\d+\.json\.gz$")
        self.assertIn("sessions with the tls that was expected: 1", list(message.iter_parts())[0].get_content().lower())
        # The report itself was sent by TLS, and is not counted.
        self.event("recipient.delivered", "tls@rpt.example")
        self.tlsrpt("show", code=1)
        self.assertIn("no report is to be sent", self.tlsrpt("send", code=1))

    def test_a_report_by_https(self):
        certificate, key = self.certificates.make(f"reports.{self.port}", san="DNS:reports.example")
        host = self.enterContext(HttpsHost(certificate, key))
        self.zone("reports.example", "@ IN A 127.0.0.9\n", signed=False)
        self.report_zone(rua=f"https://reports.example:{host.port}/v1?to=a,mailto:tls@rpt.example")
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        host.answers["reports.example"] = (503,)
        lines = [json.loads(line) for line in self.tlsrpt("send", "--json", code=75).splitlines()]
        self.assertEqual([one["result"] for one in lines], ["put off", "sent"])
        self.assertIn("the status is 503", lines[0]["text"])
        self.assertIn("503", self.event("tlsrpt.put_off")["result"])
        host.answers["reports.example"] = (201,)
        self.assertIn("posted: status 201", self.tlsrpt("send"))
        name, path, kind, body = host.posted[-1]
        self.assertEqual((name, path, kind), ("reports.example", "/v1?to=a", "application/tlsrpt+gzip"))
        self.assertEqual(json.loads(gzip.decompress(body))["policies"][0]["summary"]["total-successful-session-count"], 1)
        # That by mail went once.
        self.message_to("tls@rpt.example")
        self.assertEqual(len(self.relay.events("tlsrpt.sent")), 2)
        self.tlsrpt("show", code=1)

    def test_a_signed_report(self):
        key = self.folder.path / "dkim.pem"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, stderr=subprocess.DEVNULL)
        key.chmod(0o600)
        self.report_zone()
        self.start_reports(self.certificate, self.key, dkim=[{"domain": "here.example", "selector": "s", "key_file": str(key)}])
        self.send("bob@a.example")
        self.delivered("a.example")
        self.tlsrpt("send")
        message = email.message_from_bytes(self.message_to("tls@rpt.example"))
        self.assertIn("d=here.example", message["DKIM-Signature"])
        signed = message["DKIM-Signature"].lower()
        self.assertIn("tls-report-domain", signed)
        self.assertIn("tls-report-submitter", signed)

    def test_a_domain_that_does_not_ask(self):
        self.report_zone(rua=None)
        self.report_zone('_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:x@rpt.example"\n_smtp._tls IN TXT "v=TLSRPTv1;rua=mailto:y@rpt.example"\n', rua=None, name="b.example")
        self.start_reports(self.certificate, self.key)
        for domain in ("a.example", "b.example"):
            self.send(f"bob@{domain}")
            self.delivered(domain)
        self.assertIn("a.example: not wanted: no record _smtp._tls.a.example asks for reports", self.tlsrpt("send"))
        self.assertEqual(self.relay.events("tlsrpt.sent"), [])
        self.tlsrpt("show", code=1)

    def test_counts_survive_a_restart(self):
        self.report_zone()
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        self.relay.stop()
        self.relay.start()
        self.send("bob@a.example")
        postroad.eventually(lambda: "2 sessions, 0 failed" in self.tlsrpt("show"), what="both sessions")
        self.tlsrpt("send")
        self.relay.restart()
        self.tlsrpt("show", code=1)
        self.assertEqual([one.name for one in (self.relay.data / "tlsrpt").iterdir() if one.stat().st_size], [])

    def test_a_reload_sends_nothing_again(self):
        certificate, key = self.certificates.make(f"reports.{self.port}", san="DNS:reports.example")
        host = self.enterContext(HttpsHost(certificate, key))
        host.answers["reports.example"] = (503,)
        self.zone("reports.example", "@ IN A 127.0.0.9\n", signed=False)
        self.report_zone(rua=f"mailto:tls@rpt.example,https://reports.example:{host.port}/")
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        self.tlsrpt("send", code=75)
        for restart in self.relay.restart, lambda: os.kill(self.relay.pid, signal.SIGHUP):
            restart()
            self.assertNotIn("mailto:", self.tlsrpt("send", code=75))
        self.assertEqual(len(self.relay.events("tlsrpt.sent")), 1)

    def test_reports_that_bounce_are_told_to_nobody(self):
        self.zone("gone.example", signed=False)
        self.zones["gone.example"] = self.zones["gone.example"].replace("IN MX 10 mx", "IN MX 0 .")
        self.report_zone(rua="mailto:tls@gone.example")
        self.zone("boss.example", signed=False)
        self.start_reports(self.certificate, self.key, bounces={"postmaster": "boss@boss.example"})
        self.send("bob@a.example")
        self.delivered("a.example")
        self.tlsrpt("send")
        self.event("recipient.failed", "tls@gone.example")
        self.assertEqual(self.relay.events("report.queued"), [])

    def test_a_host_whose_tls_is_left_out_is_not_one_without_starttls(self):
        self.report_zone()
        self.start_reports()
        self.exchanger.stop()

        def broken(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while (line := peer.line().upper()).startswith("EHLO"):
                peer.say("250-fake.example\r\n250 STARTTLS\r\n")
            if not line.startswith("STARTTLS"):
                peer.say("250 2.1.0 Ok\r\n")
                return by_hand.converse(peer)
            peer.say("220 go ahead\r\n")
            peer.socket.recv(1)
            peer.say("this is no TLS\r\n")

        with by_hand.FakeServer(broken, address="127.0.0.2", port=self.port, together=True):
            self.send("bob@a.example")
            self.delivered("a.example")
            self.relay.stop()
            self.relay.start()
            self.send("bob@a.example")
            postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == 2, what="the second one")
            details = self.counted()["failure-details"]
            self.assertEqual({one["result-type"] for one in details}, {"validation-failure"}, details)

    def test_a_kept_connection_is_counted_once(self):
        self.report_zone()
        self.start_reports(self.certificate, self.key)
        for _ in range(3):
            self.send("bob@a.example")
        postroad.eventually(lambda: len(self.relay.events("recipient.delivered")) == 3, what="three messages")
        sessions = {one["host"] for one in self.relay.events("recipient.delivered")}
        self.assertEqual(len(sessions), 1)
        self.assertLess(self.counted()["summary"]["total-successful-session-count"], 3)

    def test_without_the_option_nothing_is_counted(self):
        self.report_zone()
        self.start_reports(self.certificate, self.key, more={"enabled": False})
        self.send("bob@a.example")
        self.delivered("a.example")
        self.tlsrpt("show", code=1)
        self.assertIn("set tlsrpt.enabled", self.tlsrpt("send", code=64))

    def test_a_reload_switches_it_on(self):
        self.report_zone()
        self.start_reports(self.certificate, self.key, more={"enabled": False})
        before = self.relay.config.read_text()
        after = before.replace("enabled = false", "enabled = true")
        self.assertNotEqual(before, after)
        for text in after, before, after:
            self.relay.config.write_text(text)
            self.assertEqual(postroad.run("serve", "--reload", "--config", self.relay.config).returncode, 0)
            self.send("bob@a.example")
            postroad.eventually(lambda: self.relay.events("recipient.delivered"), what="the message")
        self.assertEqual(self.counted()["summary"]["total-failure-session-count"], 0)
        self.tlsrpt("send")
        self.event("tlsrpt.sent")

    # Policies and kinds of failure

    def test_a_host_without_starttls(self):
        self.report_zone()
        self.start_reports()
        self.send("bob@a.example")
        self.delivered("a.example")
        self.failure("starttls-not-supported", "STARTTLS is not offered")

    def test_tls_required_no_is_not_counted(self):
        self.report_zone()
        self.start_reports()
        self.send("bob@a.example", header="TLS-Required: No\r\n")
        self.delivered("a.example")
        self.tlsrpt("show", code=1)

    def test_dane(self):
        self.report_zone(self.tlsa(self.certificate), signed=True)
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        counts = self.counted()
        self.assertEqual(counts["summary"]["total-successful-session-count"], 1)
        record = self.tlsa(self.certificate).split("TLSA ")[1].strip()
        self.assertEqual(counts["policy"], {"policy-type": "tlsa", "policy-string": [record], "policy-domain": "mx.a.example", "mx-host": ["mx.a.example"]})

    def test_dane_that_does_not_match(self):
        self.report_zone(self.tlsa(self.stranger), signed=True)
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.deferred("a.example")
        self.assertEqual(self.failure("certificate-not-trusted", "TLSA records")["policy-type"], "tlsa")

    def test_dane_without_starttls(self):
        self.report_zone(self.tlsa(self.stranger), signed=True)
        self.start_reports()
        self.send("bob@a.example")
        self.deferred("a.example")
        self.failure("starttls-not-supported", "")

    def test_dane_with_records_that_cannot_be_used(self):
        self.report_zone(self.tlsa(self.certificate, usage=1), signed=True)
        self.start_reports(self.certificate, self.key)
        self.send("bob@a.example")
        self.delivered("a.example")
        self.failure("tlsa-invalid", "no TLSA record is usable")

    def test_mta_sts(self):
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text(), more='_smtp._tls IN TXT "v=TLSRPTv1;rua=mailto:tls@rpt.example"\n')
        self.zone("rpt.example", signed=False)
        self.start(self.certificate, self.key, tls_out={"sts_port": self.policies.port}, tlsrpt={"enabled": True})
        self.send("bob@sts.example")
        self.delivered("sts.example")
        self.assertEqual(self.counted("sts.example")["policy"], {
            "policy-type": "sts", "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.sts.example", f"max_age: {DAY}"],
            "policy-domain": "sts.example", "mx-host": ["mx.sts.example"]})

    def test_mta_sts_with_wrong_certificates(self):
        wrong = {"certificate-not-trusted": (self.stranger, self.stranger_key),
                 "certificate-host-mismatch": self.certificates.make(f"other.{self.port}", san="DNS:other.example")}
        for mode in ("enforce", "testing"):
            for kind, (certificate, key) in wrong.items():
                with self.subTest(mode=mode, kind=kind):
                    self.setUp()
                    self.policy_host("sts.example")
                    self.sts_zone("sts.example", self.policy_text(mode, ("*.sts.example",)))
                    self.start(certificate, key, tls_out={"sts_port": self.policies.port}, tlsrpt={"enabled": True})
                    self.send("bob@sts.example")
                    self.deferred("sts.example") if mode == "enforce" else self.delivered("sts.example")
                    self.assertEqual(self.failure(kind, "certificate", "sts.example", "mx.sts.example", 2 if mode == "enforce" else 1)["policy-type"], "sts")

    def test_an_expired_certificate(self):
        certificate, key = self.certificates.expired("old", san="DNS:mx.sts.example")
        self.policy_host("sts.example")
        self.sts_zone("sts.example", self.policy_text())
        self.start(certificate=None, tls_out={"sts_port": self.policies.port}, tlsrpt={"enabled": True})
        self.exchanger.stop()

        def old(peer):
            peer.say("220 fake.example ESMTP\r\n")
            while not peer.line().upper().startswith("STARTTLS"):
                peer.say("250-fake.example\r\n250 STARTTLS\r\n")
            peer.say("220 go ahead\r\n")
            peer.starttls(server_context(certificate, key))

        with by_hand.FakeServer(old, address="127.0.0.2", port=self.port, together=True):
            self.send("bob@sts.example")
            self.deferred("sts.example")
            self.failure("certificate-expired", "expired", "sts.example", "mx.sts.example", 2)

    def test_mta_sts_policies_that_cannot_be_had(self):
        for answer, kind in (((404, "text/plain", ""), "sts-policy-fetch-error"), ((200, "text/plain", "version: STSv1\r\nmode: maybe\r\n"), "sts-policy-invalid")):
            with self.subTest(kind):
                self.setUp()
                self.policy_host("sts.example")
                self.sts_zone("sts.example", None)
                self.policies.answers["mta-sts.sts.example"] = answer
                self.start(self.certificate, self.key, tls_out={"sts_port": self.policies.port}, tlsrpt={"enabled": True})
                self.send("bob@sts.example")
                self.delivered("sts.example")
                self.assertEqual(self.failure(kind, "mta-sts.sts.example", "sts.example", "mx.sts.example")["policy-type"], "sts")


if __name__ == "__main__":
    unittest.main(verbosity=2)
