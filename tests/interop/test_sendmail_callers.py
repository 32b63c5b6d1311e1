# Programs that call sendmail, each with our command in its place: PHP's mail(), git send-email, s-nail, bsd-mailx, mutt, cron,
# Python. The tests check envelope, header and body in the mailbox of our server. A test whose caller is not installed is skipped
# with the reason; under CI it fails.
import email.message
import email.parser
import email.policy
import os
import pwd
import re
import subprocess
import unittest

import by_hand
import postroad
from postroad import need_program, run_program

ME = pwd.getpwuid(os.geteuid()).pw_name


class Callers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        cls.program = cls.folder.path / "sendmail"
        cls.program.symlink_to(postroad.BINARY)
        cls.server = postroad.Server({"listener": [{"allow_bare_addresses": True}]}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.home = cls.folder.path / "home"
        (cls.home / ".config/postroad").mkdir(parents=True)
        cls.folder.write("home/.config/postroad/sendmail.toml", f'server = "smtp://127.0.0.1:{cls.server.port}"\ndomain = "here.example"\n')
        cls.env = {"HOME": str(cls.home), "EMAIL": "ann@x.example", "MAILRC": "/dev/null", "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@x.example", "GIT_COMMITTER_NAME": "Ann",
                   "GIT_COMMITTER_EMAIL": "ann@x.example"}

    def setUp(self):
        self.seen = {mail.path for mail in self.server.mails()}

    def peer(self, *arguments, code=0, **rest):
        done = run_program(*arguments, env={**self.env, **rest.pop("env", {})}, cwd=self.folder.path, **rest)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def arrived(self, recipients, sender):
        """The message that arrived. Checks its envelope: each recipient has a copy."""
        fresh = [mail for mail in self.server.wait_mail(len(self.seen) + len(recipients)) if mail.path not in self.seen]
        self.assertEqual(sorted(mail.delivered_to.decode() for mail in fresh), sorted(recipients))
        self.assertEqual({mail.return_path.decode() for mail in fresh}, {f"<{sender}>"})
        self.assertEqual(len({mail.message for mail in fresh}), 1)
        octets = fresh[0].message
        self.assertFalse(re.search(rb"[^\r]\n|\r[^\n]", octets), octets)
        header = octets.split(b"\r\n\r\n")[0]
        for name in (b"From", b"Date", b"Message-ID"):
            self.assertEqual(len(re.findall(rb"(?im)^" + name + b":", header)), 1, octets)
        self.assertFalse(re.search(rb"(?im)^bcc:", header), octets)
        self.seen.update(mail.path for mail in fresh)
        message = email.parser.BytesParser(policy=email.policy.default).parsebytes(octets)
        message.octets, message.body = octets, octets.split(b"\r\n\r\n", 1)[1]
        return message

    def nothing_arrived(self):
        self.assertEqual({mail.path for mail in self.server.mails()}, self.seen)

    # PHP's mail()

    def php(self, code, *flags, expect="bool(true)", path=None, env=None):
        done = self.peer(need_program("php"), "-n", *flags, "-d", f"sendmail_path={path or str(self.program) + ' -t -i'}", "-r", code, env=env or {})
        self.assertEqual(done.stdout.strip(), expect, done.stderr)
        return done

    def test_php_mail(self):
        self.php(r'var_dump(mail("b@x.example, Carl <c@x.example>", "Grüße", "one\n.\n.two\nlast", "From: ann@x.example\r\nBcc: d@x.example\r\nX-Tag: 1"));')
        message = self.arrived(["b@x.example", "c@x.example", "d@x.example"], f"{ME}@here.example")
        self.assertEqual((message["From"], message["X-Tag"], message.body), ("ann@x.example", "1", b"one\r\n.\r\n.two\r\nlast\r\n"))

    def test_php_mail_with_crlf_and_an_array_of_headers(self):
        self.php(r'var_dump(mail("b@x.example", "hi", "one\r\n\r\ntwo\r\n", ["From" => "ann@x.example", "Cc" => "c@x.example", "X-A" => ["1", "2"]]));')
        message = self.arrived(["b@x.example", "c@x.example"], f"{ME}@here.example")
        self.assertEqual((message.get_all("X-A"), message.body), (["1", "2"], b"one\r\n\r\ntwo\r\n\r\n"))

    def test_php_mail_further_parameters(self):
        self.php(r'var_dump(mail("b@x.example", "hi", "text", "", "-fann@x.example -FAnn"));')
        self.assertIn(self.arrived(["b@x.example"], "ann@x.example")["From"], ("Ann <ann@x.example>", '"Ann" <ann@x.example>'))
        self.php(r'var_dump(mail("b@x.example", "hi", "text", "From: Ann <ann@x.example>", "-f ann@x.example -oi"));')
        self.arrived(["b@x.example"], "ann@x.example")

    def test_php_mail_parameters_of_an_attacker(self):
        # Known attacks through the fifth parameter of mail(): writing a file, reading a configuration, a second recipient.
        log = self.folder.path / "shell.php"
        self.php(rf'var_dump(mail("b@x.example", "hi", "<?php ?>", "", "-OQueueDirectory={self.folder.path} -X{log} -C/etc/passwd -be"));', expect="bool(false)")
        self.php(rf'var_dump(mail("b@x.example", "hi", "<?php ?>", "", "-OQueueDirectory={self.folder.path} -X{log} -C/etc/passwd"));')
        self.assertFalse(log.exists())
        message = self.arrived(["b@x.example"], f"{ME}@here.example")
        self.assertNotIn(b"root:", message.octets)

    def test_php_mail_header_injection(self):
        # PHP replaces line ends in the subject and the recipient with spaces, and refuses an empty line in the additional headers.
        self.php(r'var_dump(mail("b@x.example\nBcc: e@x.example", "hi", "text"));', expect="bool(false)")
        self.nothing_arrived()
        self.php(r'var_dump(mail("b@x.example", "hi\r\nBcc: e@x.example\r\n\r\nevil", "text"));')
        self.assertIn("Bcc: e@x.example", self.arrived(["b@x.example"], f"{ME}@here.example")["Subject"])
        self.php(r'try { var_dump(@mail("b@x.example", "hi", "text", "From: a@x.example\n\nBcc: e@x.example")); } catch (ValueError) { var_dump(false); }',
                 expect="bool(false)")
        self.nothing_arrived()

    def test_php_mail_that_fails_says_so(self):
        with by_hand.FakeServer(lambda peer: (peer.say("220 f\r\n"), by_hand.converse(peer, replies={"RCPT": "550 5.1.1 nobody"}))) as fake:
            done = self.php(r'var_dump(mail("b@x.example", "hi", "text"));', expect="bool(false)",
                            env={"POSTROAD_SENDMAIL_SERVER": f"smtp://127.0.0.1:{fake.port}"})
            self.assertIn("550 5.1.1 nobody", done.stderr)

    def test_php_large(self):
        self.php(r'var_dump(mail("b@x.example", "hi", str_repeat(str_repeat("x", 76) . "\n", 70000)));')
        self.assertEqual(len(self.arrived(["b@x.example"], f"{ME}@here.example").body), 78 * 70000 + 2)  # PHP adds a line end to each body

    # git send-email

    def git(self, *flags):
        git = need_program("git")
        if not os.path.exists(run_program(git, "--exec-path").stdout.strip() + "/git-send-email"):
            postroad.missing("git send-email is missing: ./dev setup installs it (git-email)")
        work = self.folder.path / "work"
        if not work.exists():
            self.peer(git, "init", "-q", work)
            (work / "file").write_text("Grüße\n.\n")
            self.peer(git, "-C", work, "add", "file")
            self.peer(git, "-C", work, "commit", "-qm", "Füge ein\n\n.\nText\n\nCc: Carl <c@x.example>")
        return self.peer(git, "-C", work, "send-email", "--confirm=never", "--quiet", "--suppress-cc=self", "--from=Ann <ann@x.example>", *flags, "-1")

    def check_patch(self, recipients, sender):
        message = self.arrived(recipients, sender)
        self.assertEqual(message["Subject"], "[PATCH] Füge ein")
        self.assertTrue(message.body.startswith(b".\r\nText\r\n"), message.body)
        self.assertIn("\r\n+Grüße\r\n+.\r\n", message.body.decode())
        return message

    def test_git_send_email_as_smtp_server(self):
        self.git(f"--smtp-server={self.program}", "--to=b@x.example", "--bcc=d@x.example")
        self.check_patch(["b@x.example", "c@x.example", "d@x.example"], f"{ME}@here.example")

    def test_git_send_email_as_command(self):
        self.git(f"--sendmail-cmd={self.program} -oem", "--to=Bert <b@x.example>", "--envelope-sender=auto")
        self.check_patch(["b@x.example", "c@x.example"], "ann@x.example")

    def test_git_send_email_refused(self):
        with by_hand.FakeServer(lambda peer: (peer.say("220 f\r\n"), by_hand.converse(peer, ehlo=("f", "8BITMIME"), replies={"RCPT": "550 5.1.1 nobody"}))) as fake:
            with self.assertRaises(AssertionError) as raised:
                self.env["POSTROAD_SENDMAIL_SERVER"] = f"smtp://127.0.0.1:{fake.port}"
                try:
                    self.git(f"--smtp-server={self.program}", "--to=b@x.example")
                finally:
                    del self.env["POSTROAD_SENDMAIL_SERVER"]
            self.assertIn("550 5.1.1 nobody", str(raised.exception))

    # as Debian's cron calls it

    def test_cron(self):
        text = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@here> run-parts\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n" \
               b"Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\nX-Cron-Env: <LOGNAME=root>\n\ndisk full: 99 %\n.\nGr\xc3\xbc\xc3\x9fe\n"
        self.peer(self.program, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root", input=text)
        message = self.arrived(["root@here.example"], f"{ME}@here.example")
        self.assertEqual(message.body, "disk full: 99 %\r\n.\r\nGrüße\r\n".encode())
        self.assertEqual(message.get_all("X-Cron-Env"), ["<SHELL=/bin/sh>", "<LOGNAME=root>"])

    # s-nail

    def snail(self, *flags, input, **rest):
        # For root, mailx uses another home folder than the environment says; a failed message must not stay there.
        env = {"POSTROAD_SENDMAIL_CONFIG": str(self.home / ".config/postroad/sendmail.toml")}
        return self.peer(need_program("s-nail"), "-:/", "-S", f"mta={self.program}", "-S", "sendwait", "-S", "v15-compat", "-S", "nosave", *flags, input=input, env=env, **rest)

    def test_s_nail(self):
        self.snail("-s", "Grüße", "-c", "c@x.example", "-b", "d@x.example", "-r", "ann@x.example", "b@x.example", input="one\n.\nGrüße\n")
        message = self.arrived(["b@x.example", "c@x.example", "d@x.example"], "ann@x.example")
        self.assertEqual((message["Subject"], message.get_content().replace("\r", "")), ("Grüße", "one\n.\nGrüße\n"))

    def test_s_nail_attachment(self):
        attached = self.folder.write("attached.bin", bytes(range(256)) * 4000)
        self.snail("-s", "hi", "-r", "ann@x.example", "-a", attached, "b@x.example", input="see\n")
        message = self.arrived(["b@x.example"], "ann@x.example")
        self.assertEqual([part.get_content() for part in message.iter_attachments()], [bytes(range(256)) * 4000])

    def test_s_nail_recipients_that_look_like_flags(self):
        self.snail("-s", "hi", "-r", "ann@x.example", "-.", "-bs@x.example", input="text\n")
        self.arrived(["-bs@x.example"], "ann@x.example")

    # bsd-mailx calls /usr/sbin/sendmail unless its settings name another program

    def test_bsd_mailx(self):
        rc = self.folder.write("mailrc", f"set sendmail={self.program}\nset sendwait\n")
        self.peer(need_program("bsd-mailx"), "-s", "hi", "-c", "c@x.example", "-b", "d@x.example", "-r", "ann@x.example", "b@x.example", input="one\n..two\n",
                  env={"MAILRC": str(rc)})
        message = self.arrived(["b@x.example", "c@x.example", "d@x.example"], "ann@x.example")
        self.assertEqual((message["Subject"], message.body), ("hi", b"one\r\n..two\r\n"))

    # mutt

    def test_mutt(self):
        attached = self.folder.write("mutt.bin", bytes(range(256)) * 100)
        self.peer(need_program("mutt"), "-n", "-F", "/dev/null", "-e", f"set sendmail='{self.program} -oem -oi'", "-e", "set sendmail_wait=0 copy=no use_envelope_from=yes",
                  "-e", "set from=ann@x.example realname=Ann hostname=here.example dsn_notify='failure,delay' dsn_return=hdrs", "-s", "Grüße", "-c", "c@x.example",
                  "-b", "d@x.example", "-a", attached, "--", "b@x.example", input="one\n.\nGrüße\n")
        message = self.arrived(["b@x.example", "c@x.example", "d@x.example"], "ann@x.example")
        self.assertEqual(message["Subject"], "Grüße")
        self.assertEqual(message.get_body().get_content().replace("\r", ""), "one\n.\nGrüße\n")
        self.assertEqual([part.get_content() for part in message.iter_attachments()], [bytes(range(256)) * 100])

    # Python

    def test_python(self):
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Bcc"], message["Subject"] = "Ann <ann@x.example>", "Bert <b@x.example>, c@x.example", "d@x.example", "Grüße"
        message.set_content("one\n.\nGrüße\n")
        message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="a.bin")
        for octets, flags in ((message.as_bytes(), ["-i"]), (message.as_bytes(policy=email.policy.SMTP), ["-oi", "-f", "ann@x.example"])):
            done = subprocess.run([str(self.program), "-t", *flags], input=octets, env={**postroad.CLEAN, **self.env}, stderr=subprocess.PIPE,
                                  timeout=postroad.PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            came = self.arrived(["b@x.example", "c@x.example", "d@x.example"], "ann@x.example" if len(flags) > 1 else f"{ME}@here.example")
            self.assertEqual((came["Subject"], came.get_body().get_content().replace("\r", "")), ("Grüße", "one\n.\nGrüße\n"))
            self.assertEqual([part.get_content() for part in came.iter_attachments()], [bytes(range(256))])

    def test_python_many_at_once(self):
        many = [subprocess.Popen([str(self.program), "-i", f"r{i}@x.example"], stdin=subprocess.PIPE, env={**postroad.CLEAN, **self.env}) for i in range(20)]
        for process in many:
            process.stdin.write(b"Subject: x\nMessage-ID: <same@x.example>\nDate: Tue, 02 Jan 2024 03:04:05 +0000\n\nhi\n")
        for process in many:
            process.stdin.close()
            self.assertEqual(process.wait(postroad.PATIENCE), 0)
        self.arrived([f"r{i}@x.example" for i in range(20)], f"{ME}@here.example")


if __name__ == "__main__":
    unittest.main()
