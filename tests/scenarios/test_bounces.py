# Delivery status notifications (RFC 3461, RFC 3464): the sender of a message hears what became of it, once, in a form that
# other programs read; after that the message leaves the spool. Kill -9 at any moment causes no second notification.
import email
import email.policy
import unittest

import by_hand
import postroad

LOCAL = {"domains": ["here.example"], "mailboxes": ["ann", "postmaster"], "aliases": ["sales: ann"]}


def host_that_refuses(reply="550 5.1.1 no such user"):
    def script(peer):
        peer.say("220 fake.example ESMTP\r\n")
        by_hand.converse(peer, ehlo=("fake.example", "8BITMIME"), replies={"RCPT": reply})
    return by_hand.FakeServer(script)


class Bounces(unittest.TestCase):
    def serve(self, host, folder=None, bounces=None, retry=None, **delivery):
        folder = folder or self.enterContext(postroad.Folder()).path
        if not (folder / "users").exists():
            postroad.add_user(folder / "users", "ann", "s3cret")
        server = postroad.Server({
            "server": {"users": folder / "users", "hostname": "mail.here.example"}, "local": LOCAL, "bounces": bounces or {}, "retry": retry or {},
            "listener": [{"role": "mx", "auth": True, "allow_auth_in_clear": True}],
            "delivery": {"smarthost": f"smtp://127.0.0.1:{host.port}", "networks": ["127.0.0.0/8"], "connections": 1, **delivery}}, folder=folder)
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def send(self, server, recipient="ben@there.example", sender="ann@here.example", mail="", rcpt="", body=b"secret\r\n", login=False):
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            if login:
                self.assertEqual(session.say("AUTH PLAIN AGFubgBzM2NyZXQ=")[:3], "235")
            for line in (f"MAIL FROM:<{sender}>{mail}", f"RCPT TO:<{recipient}>{rcpt}"):
                reply = session.say(line)
                self.assertEqual(reply[:3], "250", reply)
            session.say("DATA")
            session.send(by_hand.stuffed(b"Subject: Lunch\r\nMessage-ID: <7@here.example>\r\n\r\n" + body))
            reply = session.reply()
            self.assertEqual(reply[:3], "250", reply)
            return reply.split()[-1]

    @staticmethod
    def parse(mail):
        return email.message_from_bytes(mail.octets, policy=email.policy.default)

    def test_a_refused_recipient_is_reported_with_every_field(self):
        with host_that_refuses() as host:
            server = self.serve(host)
            queue_id = self.send(server, mail=" ENVID=QQ314 RET=FULL", rcpt=" ORCPT=rfc822;list@here.example NOTIFY=FAILURE")
            (mail,) = server.wait_mail(1)
            server.stop()
        report = self.parse(mail)
        self.assertEqual(mail.return_path, b"<>")
        self.assertEqual(report.get_content_type(), "multipart/report")
        self.assertEqual(report["Content-Type"].params["report-type"], "delivery-status")
        self.assertEqual(report["Auto-Submitted"], "auto-replied")
        self.assertEqual(report["References"], "<7@here.example>")
        text, status, original = report.iter_parts()
        self.assertIn("550 5.1.1 no such user", text.get_content())
        whole, one = status.iter_parts() if status.is_multipart() else status.get_payload()
        self.assertEqual(whole["Reporting-MTA"], "dns; mail.here.example")
        self.assertEqual(whole["Original-Envelope-Id"], "QQ314")
        self.assertIsNotNone(whole["Arrival-Date"].datetime if hasattr(whole["Arrival-Date"], "datetime") else whole["Arrival-Date"])
        self.assertEqual(one["Original-Recipient"], "rfc822; list@here.example")
        self.assertEqual(one["Final-Recipient"], "rfc822; ben@there.example")
        self.assertEqual(one["Action"], "failed")
        self.assertEqual(one["Status"], "5.1.1")
        self.assertEqual(one["Remote-MTA"], "dns; [127.0.0.1]")
        self.assertEqual(one["Diagnostic-Code"], "smtp; 550 5.1.1 no such user")
        self.assertIsNotNone(one["Last-Attempt-Date"])
        self.assertEqual(original.get_content_type(), "message/rfc822")
        self.assertIn("secret", original.as_string())
        (queued,) = server.events("report.queued")
        self.assertEqual(queued["id"], queue_id)
        (closed,) = server.events("spool.closed")
        self.assertEqual(closed["left"], 0)

    def test_who_asked_for_nothing_is_told_nothing(self):
        with host_that_refuses() as host:
            server = self.serve(host)
            self.send(server, rcpt=" NOTIFY=NEVER", recipient="silent@there.example")
            self.send(server, rcpt=" NOTIFY=SUCCESS", recipient="success@there.example")
            self.send(server, sender="", recipient="null@there.example")
            self.send(server, recipient="last@there.example")
            (mail,) = server.wait_mail(1)
            self.assertIn("last@there.example", self.parse(mail)["Subject"])
            server.stop()
        (closed,) = server.events("spool.closed")
        self.assertEqual(closed["left"], 0)
        self.assertEqual(len(server.events("recipient.failed")), 4)

    def test_a_confirmation_is_for_users(self):
        with by_hand.FakeServer(by_hand.plain_server) as host:
            server = self.serve(host, bounces={"confirm_networks": ["192.0.2.0/24"]})
            self.send(server, rcpt=" NOTIFY=SUCCESS", recipient="stranger@there.example")
            self.send(server, rcpt=" NOTIFY=SUCCESS", login=True)
            (mail,) = server.wait_mail(1)
            server.stop()
        self.assertEqual(self.parse(mail)["Subject"], "Delivered mail: ben@there.example")
        self.assertIn("Action: relayed", mail.octets.decode())

    def test_a_host_with_dsn_reports_itself(self):
        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, ehlo=("fake.example", "DSN"))
        with by_hand.FakeServer(script) as host:
            server = self.serve(host)
            self.send(server, rcpt=" NOTIFY=SUCCESS", login=True)
            postroad.eventually(lambda: server.events("recipient.delivered"), server.process)
            self.assertIn("RCPT TO:<ben@there.example> NOTIFY=SUCCESS", host.heard)
            server.stop()
        self.assertEqual(server.events("report.queued"), [])

    def test_a_delay_is_reported_once_and_the_end_too(self):
        with host_that_refuses("451 4.7.1 later") as host:
            server = self.serve(host, bounces={"delay_after": "1s"}, retry={"initial_delay": "200ms", "max_delay": "200ms", "lifetime": "4s"})
            self.send(server, login=True)
            mails = server.wait_mail(2, timeout=30)
            subjects = sorted(self.parse(mail)["Subject"] for mail in mails)
            self.assertEqual(subjects, ["Delayed mail: ben@there.example", "Undelivered mail: ben@there.example"])
            texts = [mail.octets.decode() for mail in mails]
            self.assertTrue(any("Will-Retry-Until: " in text and "Status: 4.7.1" in text for text in texts), texts)
            self.assertTrue(any("Status: 4.4.7" in text for text in texts), texts)
            server.stop()
        self.assertEqual(len(server.mails()), 2)

    def test_a_notification_that_fails_goes_to_the_postmaster(self):
        with host_that_refuses() as host:
            server = self.serve(host, bounces={"postmaster": "postmaster@here.example"})
            self.send(server, sender="gone@elsewhere.example")
            (mail,) = server.wait_mail(1)
            self.assertEqual(mail.mailbox, "postmaster@here.example")
            self.assertIn("gone@elsewhere.example", self.parse(mail)["Subject"])
            server.stop()
        (closed,) = server.events("spool.closed")
        self.assertEqual(closed["left"], 0)

    def test_a_local_sender_is_who_gets_its_mail(self):
        with host_that_refuses() as host:
            server = self.serve(host, bounces={"postmaster": "postmaster@here.example"})
            for sender in ("sales", "ann+shop"):
                self.send(server, sender=f"{sender}@here.example")
            postroad.eventually(lambda: len(server.mails()) == 2, server.process)
            self.send(server, sender="nobody@here.example")
            postroad.eventually(lambda: len(server.mails()) == 3, server.process)
            server.stop()
        self.assertEqual(sorted(mail.mailbox for mail in server.mails()), ["ann@here.example", "ann@here.example", "postmaster@here.example"])

    def test_one_address_gets_no_flood(self):
        with host_that_refuses() as host:
            server = self.serve(host, bounces={"per_hour": 2})
            for i in range(5):
                self.send(server, recipient=f"r{i}@there.example")
            server.wait_mail(2)
            postroad.eventually(lambda: len(server.events("report.suppressed")) == 3, server.process)
            server.stop()
        self.assertEqual(len(server.mails()), 2)
        (closed,) = server.events("spool.closed")
        self.assertEqual(closed["left"], 0)

    def test_a_killed_server_reports_once(self):
        folder = self.enterContext(postroad.Folder()).path
        with host_that_refuses() as host:
            server = self.serve(host, folder=folder)
            names = [f"r{i}" for i in range(40)]
            for name in names:
                self.send(server, recipient=f"{name}@there.example")
            server.kill()
            server.start()
            postroad.eventually(lambda: len(server.mails()) >= len(names), server.process)
            server.stop()
            subjects = sorted(self.parse(mail)["Subject"] for mail in server.mails())
        self.assertEqual(subjects, sorted(f"Undelivered mail: {name}@there.example" for name in names))
        self.assertEqual(server.events("spool.closed")[-1]["left"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
