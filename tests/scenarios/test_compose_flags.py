# The compose flags of send: messages go through a real server and are read back. Also lint, and the error for each invalid input.
import base64
import email
import json
import os
import unittest

import postroad

PNG = base64.b64decode("iVBORw0KGgo=")
ICS = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
WHOLE = "From: a@test.example\nTo: b@test.example\nSubject: hi\nDate: Sat, 28 Nov 2026 10:00:00 +0000\nMessage-ID: <1@test.example>\n"


class ComposeFlags(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())

    def send(self, *flags, code=0, input=None):
        done = postroad.run("send", "-f", "Jörg <j@test.example>", "-t", "b@test.example", "--dry-run", *flags, input=input)
        self.assertEqual(done.returncode, code, done.stderr)
        return email.message_from_string(done.stdout.split("\n\n", 1)[1]) if code == 0 else done.stderr

    def types(self, mail):
        return [part.get_content_type() for part in mail.walk()]

    def test_pictures_that_the_html_shows(self):
        (self.folder.path / "img").mkdir()
        self.folder.write("img/a.png", PNG)
        page = self.folder.write("page.html", '<p><img src="img/a.png"><img src="https://x.example/b.png"></p>')
        mail = self.send("--html-file", page)
        self.assertEqual(self.types(mail), ["multipart/related", "text/html", "image/png"])
        html, picture = mail.get_payload()
        self.assertIn("cid:" + picture["Content-ID"].strip("<>"), html.get_payload(decode=True).decode())
        self.assertEqual(picture.get_payload(decode=True), PNG)
        self.assertEqual(self.types(self.send("--html", '<img src="a.png">', "--embed", self.folder.path / "img" / "a.png")), self.types(mail))
        outside = self.folder.write("img/out.html", '<img src="../secret.png">')
        self.assertIn("outside its folder", self.send("--html-file", outside, code=65))

    # As `--html-file <(command)` does; a pipe can be read once.
    def test_html_from_a_pipe(self):
        end, other = os.pipe()
        self.addCleanup(os.close, end)
        with os.fdopen(other, "wb") as pipe:
            pipe.write(b"<p>hi</p>\n")
        done = postroad.run("send", "-f", "j@test.example", "-t", "b@test.example", "--dry-run", "--html-file", f"/dev/fd/{end}", pass_fds=(end,))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("<p>hi</p>", done.stdout)

    def test_an_invitation_and_its_thread(self):
        meeting = self.folder.write("m.ics", ICS)
        mail = self.send("--text", "ten?", "--calendar", f"REQUEST:{meeting}", "--in-reply-to", "<q@x.example>", "--references", "<p@x.example> <q@x.example>",
                         "--importance", "high", "--list-unsubscribe", "https://x.example/u")
        self.assertEqual(self.types(mail), ["multipart/alternative", "text/plain", "text/calendar"])
        self.assertEqual((mail["In-Reply-To"], mail["References"], mail["Importance"]), ("<q@x.example>", "<p@x.example> <q@x.example>", "high"))
        self.assertEqual(mail["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        for flags, words in ((("--calendar", "m.ics"), "METHOD:FILE"), (("--in-reply-to", "x"), "<left@right>"), (("--list-unsubscribe", "ftp://x"), "ASCII URL")):
            self.assertIn(words, self.send("--text", "x", *flags, code=64))

    def test_templates(self):
        flags = ("--subject", "Hello {{name}}", "--text", "{{name}}", "--html", '<a href="{{link}}">{{name}}</a>')
        mail = self.send(*flags, "--set", "name=<b>&", "--set", "link=https://x.example/?a=1")
        self.assertEqual(mail["Subject"], "Hello <b>&")
        text, html = mail.get_payload()
        self.assertEqual(text.get_payload(decode=True).decode().strip(), "<b>&")
        self.assertEqual(html.get_payload(decode=True).decode().strip(), '<a href="https://x.example/?a=1">&lt;b&gt;&amp;</a>')
        self.assertIn("no value for {{link}}", self.send(*flags, "--set", "name=x", code=64))
        self.assertIn("is not an allowed URL", self.send(*flags, "--set", "name=x", "--set", "link=javascript:x", code=64))
        self.assertIn("NAME=VALUE", self.send(*flags, "--set", "name", code=64))
        self.assertIn("CR, LF", self.send(*flags, "--set", "name=a\r\nBcc: x@y", "--set", "link=/", code=64))
        template = self.folder.write("page.txt", "{{name}} {{link}}")
        self.assertIn("no value for {{link}}", self.send("--text", f"@{template}", "--set", "name=x", code=65))

    def test_lint(self):
        clean = self.folder.write("clean.eml", WHOLE + "\nhello\n")
        done = postroad.run("lint", clean)
        self.assertEqual((done.returncode, [line for line in done.stdout.splitlines() if "error" in line or "warning" in line]), (0, []))
        wrong = self.folder.write("wrong.eml", WHOLE + "Bcc: hidden@test.example\n\n" + "x" * 1200 + "\n")
        done = postroad.run("lint", "--json", wrong)
        self.assertEqual(done.returncode, 65)
        found = {(one["code"], one["line"], one["level"]) for one in json.loads(done.stdout)}
        self.assertLessEqual({("bcc", 6, "error"), ("long-line", 8, "error")}, found)
        self.assertIn("wrong.eml:6: error [bcc]", postroad.run("lint", wrong).stdout)
        self.assertEqual(postroad.run("lint", "/nowhere").returncode, 66)
        self.assertEqual(postroad.run("lint", "--strict", input=WHOLE.replace("Message-ID", "X") + "\nhi\n").returncode, 65)

    def test_through_a_server(self):
        with postroad.Server(folder=self.folder.path) as server:
            done = postroad.run("send", "-s", f"smtp://127.0.0.1:{server.port}", "-f", "Jörg <j@test.example>", "-t", "team: b@test.example, c@test.example;",
                                "--subject", "Grüße", "--text", "Straße\n", "--attach", self.folder.write("a.png", PNG))
            self.assertEqual(done.returncode, 0, done.stderr)
            postroad.run("mail", "wait", "--data", server.data, "--count", "2")
            shown = json.loads(postroad.run("mail", "show", "last", "--json", "--data", server.data).stdout)
            self.assertEqual(shown["from"], [{"name": "Jörg", "address": "j@test.example"}])
            self.assertEqual([one["address"] for one in shown["to"]], ["b@test.example", "c@test.example"])
            self.assertEqual(shown["text"].strip(), "Straße")
            self.assertIn("Content-Transfer-Encoding: 8bit", postroad.run("mail", "show", "last", "--raw", "--data", server.data).stdout, "the server takes 8BITMIME")


if __name__ == "__main__":
    unittest.main(verbosity=2)
