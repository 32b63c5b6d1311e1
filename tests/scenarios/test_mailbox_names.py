# Row 34 of guards.md: an address cannot name a file outside the mail folder, whatever its local part or domain; an address or an
# EHLO name cannot write lines of its own into the log.
import json
import os
import unittest

import by_hand
import postroad

MESSAGE = b"Subject: path\r\n\r\nhello\r\n"


class MailboxNames(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder()).path
        self.server = postroad.Server(folder=self.folder)
        self.addCleanup(self.server.__exit__, None, None, None)

    def files(self):
        return {os.path.join(root, name) for root, folders, files in os.walk(self.folder, followlinks=False) for name in folders + files}

    def test_row_34_names_stay_inside(self):
        before = self.files()
        spool, mail = str(self.server.data / "spool"), str(self.server.data / "mail")
        tried = ['"../../etc/passwd"@x.example', "../../etc@x.example", '"/etc/cron.d/x"@x.example', "/tmp/x@x.example", ".hidden@x.example",
                 '".hidden"@x.example', '".."@x.example', '"."@x.example', "..@x.example", '"a\\\\..\\\\b"@x.example', '"a b\tc"@x.example', '"~root"@x.example',
                 '"%2e%2e%2f"@x.example', "x" * 64 + "@x.example", "x" * 64 + "@" + ".".join(["y" * 60] * 4), "x" * 300 + "@x.example",
                 "a@" + "z" * 300 + ".example", "a@[127.0.0.1]", "new@x.example", "cur@x.example", "a:2,S@x.example", "$(id)@x.example", '"a\'b"@x.example',
                 "a\0b@x.example", '"a\0b"@x.example', '"../../x\r\n"@x.example', "é../@x.example", "*@x.example", "-rf@x.example"]
        taken = 0
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            for address in tried:
                session.say("RSET")
                session.say("MAIL FROM:<a@client.example>")
                session.send(f"RCPT TO:<{address}>\r\n".encode())
                answer = session.reply()
                for _ in range(address.count("\n")):
                    session.reply()  # the rest of it would be a line of its own
                self.assertIn(answer[0], "25", address)
                if not answer.startswith("250"):
                    continue
                self.assertTrue(session.say("DATA").startswith("354"))
                session.send(MESSAGE + b".\r\n")
                self.assertTrue(session.reply().startswith("250"), address)
                taken += 1
        self.assertGreater(taken, 10)
        self.assertEqual(len(self.server.wait_mail(taken)), taken)
        for path in self.files() - before:
            self.assertTrue(path.startswith((spool, mail)), path)
            self.assertEqual(os.path.realpath(path), path, "a link leads somewhere else")
            if path.startswith(mail + "/"):
                first = path[len(mail) + 1:].split("/")[0]
                self.assertFalse(first.startswith("."), path)
                self.assertLessEqual(len(first.encode()), 255)
                self.assertLessEqual(path[len(mail) + 1:].count("/"), 2, path)
        # A mailbox contains the folders of a Maildir and nothing else.
        for box in os.scandir(mail):
            self.assertEqual(sorted(os.listdir(box.path)), ["cur", "new", "tmp"])

    def test_two_long_names_do_not_share_a_mailbox(self):
        domain = ".".join(["y" * 60] * 3)
        with by_hand.Session(self.server.port) as session:
            session.say("EHLO client.example")
            for last in "ab":
                self.assertTrue(session.mail("a@client.example", ["x" * 60 + "@" + domain + last], MESSAGE).startswith("250"))
        self.assertEqual(len({mail.mailbox for mail in self.server.wait_mail(2)}), 2)

    def test_row_34_no_lines_of_their_own_in_the_log(self):
        with by_hand.Session(self.server.port) as session:
            for helo in ("EHLO x\x1b[31mred", "EHLO x\n{\"event\":\"forged\"}", "EHLO client.example"):
                session.send(helo.encode() + b"\r\n")
                session.reply()
                if "\n" in helo:
                    session.reply()
            self.assertTrue(session.mail("a@client.example", ['"x\\"} forged"@x.example'], MESSAGE).startswith("250"))
            session.say("QUIT")
        self.server.wait_mail(1)
        self.server.stop()
        self.assertNotIn("\x1b", self.server.log)
        for line in self.server.log.splitlines():
            self.assertNotEqual(json.loads(line).get("event"), "forged", line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
