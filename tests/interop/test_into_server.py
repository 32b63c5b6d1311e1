# Real peers send into our server; the message in the mailbox is compared byte by byte with the one that they were given. Peers:
# swaks, curl, Python's smtplib, msmtp, PHPMailer, Postfix's smtp-source, nc and telnet. A test whose peer is not installed is
# skipped with the reason; under CI it fails.
import base64
import email.policy
import smtplib
import subprocess
import unittest

import by_hand
from certificates import Certificates, client_context
import postroad
from postroad import EIGHT_BIT_MESSAGE, HARD_MESSAGE, HOST, LineReader, need_program, run_program, same_octets

PASSWORD = "s3cret-Pässwörd"
ASCII_PASSWORD = "plain-s3cret"
FROM, TO = "sender@client.example", "reader@test.example"


class IntoServer(unittest.TestCase):
    """One server for the class: plain catcher, submission with STARTTLS, submission with implicit TLS."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(postroad.Folder())
        certificates = Certificates(cls.folder.path)
        cls.ca = certificates.ca
        certificate, key = certificates.make("server")
        users = cls.folder.path / "users"
        postroad.add_user(users, "test", ASCII_PASSWORD)
        postroad.add_user(users, "tëst", PASSWORD)
        tls = {"certificate": certificate, "key": key}
        cls.server = postroad.Server({
            "server": {"users": users},
            "local": {"domains": ["test.example"], "mailboxes": ["reader"]},
            "submission": {"senders": ["test: @client.example", "tëst: sender@client.example"]},
            "listener": [
                {"role": "mx", "tls": "offered", "allow_bare_addresses": True, **tls},
                {"role": "submission", "tls": "required", **tls},
                {"role": "submission", "tls": "implicit", **tls},
            ]}, folder=cls.folder.path)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.plain, cls.submission, cls.implicit = cls.server.ports

    def setUp(self):
        self.seen = {mail.path for mail in self.server.mails()}

    def arrived(self, count=1):
        mails = [mail for mail in self.server.wait_mail(len(self.seen) + count) if mail.path not in self.seen]
        self.assertEqual(len(mails), count)
        return mails

    def expect(self, message, protocol, sender=FROM):
        mail, = self.arrived()
        same_octets(self, mail.message, message)
        self.assertEqual(mail.return_path.decode(), f"<{sender}>")
        self.assertEqual(mail.delivered_to.decode(), TO)
        self.assertIn(f"with {protocol} ".encode(), mail.received.replace(b"\r\n", b""))
        self.assertIn(b"by mail.test.example", mail.received)
        return mail

    def peer(self, *arguments, **rest):
        done = run_program(*arguments, **rest)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    # swaks

    def swaks(self, port, *flags, message=HARD_MESSAGE, protocol="ESMTP"):
        # swaks turns line ends into CRLF, doubles dots, and adds a line end and the dot: the last line is passed without its line
        # end.
        path = self.folder.write("swaks.eml", message.replace(b"\r\n", b"\n").removesuffix(b"\n"))
        self.peer(need_program("swaks"), "--server", f"{HOST}:{port}", "--helo", "client.example", "--from", FROM, "--to", TO, "--data", f"@{path}",
                  *flags)
        self.expect(message, protocol)

    def test_swaks_plain(self):
        self.swaks(self.plain)

    def test_swaks_starttls(self):
        self.swaks(self.plain, "--tls", "--tls-ca-path", self.ca, "--tls-verify", protocol="ESMTPS")

    def test_swaks_auth_login(self):
        self.swaks(self.submission, "--tls", "--auth", "LOGIN", "--auth-user", "test", "--auth-password", ASCII_PASSWORD, protocol="ESMTPSA")

    def test_swaks_auth_plain(self):
        self.swaks(self.submission, "--tls", "--auth", "PLAIN", "--auth-user", "test", "--auth-password", ASCII_PASSWORD, protocol="ESMTPSA")

    def test_swaks_implicit_tls(self):
        self.swaks(self.implicit, "--tls-on-connect", "--auth", "PLAIN", "--auth-user", "test", "--auth-password", ASCII_PASSWORD,
                   protocol="ESMTPSA")

    def test_swaks_wrong_password_is_refused(self):
        done = run_program(need_program("swaks"), "--server", f"{HOST}:{self.submission}", "--helo", "client.example", "--from", FROM, "--to", TO,
                           "--tls", "--auth", "LOGIN", "--auth-user", "test", "--auth-password", "wrong")
        self.assertEqual(done.returncode, 28, done.stdout)  # swaks: authentication failed
        self.assertIn("535 5.7.8", done.stdout)

    # curl

    def curl(self, url, *flags, message=HARD_MESSAGE, protocol="ESMTP"):
        path = self.folder.write("curl.eml", message)
        self.peer(need_program("curl"), "--silent", "--show-error", "--url", url, "--mail-from", FROM, "--mail-rcpt", TO,
                  "--upload-file", path, "--max-time", "30", *flags)
        self.expect(message, protocol)

    def test_curl_smtp(self):
        self.curl(f"smtp://{HOST}:{self.plain}/client.example")

    def test_curl_starttls_auth(self):
        self.curl(f"smtp://{HOST}:{self.submission}/client.example", "--ssl-reqd", "--cacert", self.ca, "--user", f"test:{ASCII_PASSWORD}",
                  protocol="ESMTPSA")

    def test_curl_smtps(self):
        self.curl(f"smtps://localhost:{self.implicit}/client.example", "--cacert", self.ca, "--user", f"test:{ASCII_PASSWORD}",
                  "--login-options", "AUTH=LOGIN", protocol="ESMTPSA")

    # smtplib

    def test_smtplib_plain(self):
        with smtplib.SMTP(HOST, self.plain, "client.example", timeout=30) as smtp:
            self.assertEqual(smtp.sendmail(FROM, [TO], HARD_MESSAGE), {})
        self.expect(HARD_MESSAGE, "ESMTP")

    def test_smtplib_starttls_login(self):
        with smtplib.SMTP("localhost", self.submission, "client.example", timeout=30) as smtp:
            smtp.starttls(context=client_context(self.ca))
            smtp.login("test", ASCII_PASSWORD)
            smtp.sendmail(FROM, [TO], HARD_MESSAGE)
        self.expect(HARD_MESSAGE, "ESMTPSA")

    def test_smtplib_implicit_tls(self):
        with smtplib.SMTP_SSL("localhost", self.implicit, "client.example", context=client_context(self.ca), timeout=30) as smtp:
            smtp.login("test", ASCII_PASSWORD)
            smtp.sendmail(FROM, [TO], HARD_MESSAGE)
        self.expect(HARD_MESSAGE, "ESMTPSA")

    def test_smtplib_eight_bit(self):
        with smtplib.SMTP(HOST, self.plain, "client.example", timeout=30) as smtp:
            smtp.sendmail(FROM, [TO], EIGHT_BIT_MESSAGE, mail_options=["BODY=8BITMIME"])
        self.expect(EIGHT_BIT_MESSAGE, "ESMTP")

    def test_smtplib_smtputf8(self):
        sender = "發件人@例子.example"
        message = EIGHT_BIT_MESSAGE.replace(b"Tester <sender@client.example>", f"測試 <{sender}>".encode())
        with smtplib.SMTP(HOST, self.plain, "client.example", timeout=30) as smtp:
            smtp.ehlo()
            self.assertTrue(smtp.has_extn("SMTPUTF8"))
            smtp.sendmail(sender, [TO], message, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        mail, = self.arrived()
        same_octets(self, mail.message, message)
        self.assertEqual(mail.return_path.decode(), f"<{sender}>")

    def test_smtplib_helo_only(self):
        with smtplib.SMTP(HOST, self.plain, timeout=30) as smtp:
            smtp.helo("client.example")
            smtp.sendmail(FROM, [TO], HARD_MESSAGE)
        self.expect(HARD_MESSAGE, "SMTP")

    def test_pipelined_raw_socket(self):
        messages = [HARD_MESSAGE.replace(b"hard@", b"hard%d@" % i) for i in range(5)]
        with by_hand.Session(self.plain) as session:
            self.assertIn("PIPELINING", session.say("EHLO client.example"))
            # Each envelope and DATA in one packet, with the message data behind it. A client that uses PIPELINING must not send the
            # data so early, but the message must be the same.
            session.send(b"".join(f"MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\n".encode() + by_hand.stuffed(one) for one in messages)
                         + b"QUIT\r\n")
            codes = [session.reply()[:3] for _ in range(4 * len(messages) + 1)]
        self.assertEqual(codes, ["250", "250", "354", "250"] * len(messages) + ["221"])
        self.assertEqual(sorted(mail.message for mail in self.arrived(len(messages))), sorted(messages))

    def test_user_and_password_in_utf8(self):
        with by_hand.Session(self.submission) as session:
            session.say("EHLO client.example")
            session.say("STARTTLS")
            session.starttls(client_context(self.ca))
            session.say("EHLO client.example")
            secret = base64.b64encode(f"\0tëst\0{PASSWORD}".encode()).decode()
            self.assertRegex(session.say(f"AUTH PLAIN {secret}"), "^235 2.7.0")
            self.assertRegex(session.mail(FROM, [TO], HARD_MESSAGE), "^250 2.0.0")
        self.expect(HARD_MESSAGE, "ESMTPSA")

    # msmtp

    def msmtp(self, port, *flags, message=HARD_MESSAGE, protocol="ESMTP"):
        self.peer(need_program("msmtp"), "-C", "/dev/null", "--host", "localhost", "--port", port, "--domain", "client.example", "--from", FROM,
                  "--set-from-header=off", "--set-date-header=off", *flags, "--", TO, input=message.replace(b"\r\n", b"\n"))
        self.expect(message, protocol)

    def test_msmtp_plain(self):
        self.msmtp(self.plain, "--tls=off", "--auth=off")

    def test_msmtp_starttls_auth(self):
        self.msmtp(self.submission, "--tls=on", f"--tls-trust-file={self.ca}", "--auth=plain", "--user=test",
                   f"--passwordeval=echo {ASCII_PASSWORD}", protocol="ESMTPSA")

    def test_msmtp_implicit_tls_login(self):
        self.msmtp(self.implicit, "--tls=on", "--tls-starttls=off", f"--tls-trust-file={self.ca}", "--auth=login", "--user=test",
                   f"--passwordeval=echo {ASCII_PASSWORD}", protocol="ESMTPSA")

    # PHPMailer, the successor of the mail class in the article

    PHP = r"""
    require '/usr/share/php/libphp-phpmailer/autoload.php';
    $mail = new PHPMailer\PHPMailer\PHPMailer(true);
    $mail->isSMTP();
    $mail->Host = 'localhost';
    $mail->Port = (int)$argv[1];
    $mail->SMTPAuth = true;
    $mail->AuthType = 'LOGIN';
    $mail->Username = 'test';
    $mail->Password = getenv('TEST_PW');
    $mail->SMTPSecure = 'tls';
    $mail->SMTPOptions = ['ssl' => ['cafile' => $argv[2]]];
    $mail->CharSet = 'UTF-8';
    $mail->Timeout = 30;
    $mail->setFrom('sender@client.example', 'test');
    $mail->addAddress('reader@test.example');
    $mail->Subject = '測試標題';
    $mail->isHTML(true);
    $mail->Body = "郵件內容 <a href=\"https://example.org\">link</a>\n.\n..dots\n";
    $mail->AltBody = "郵件內容\n.\n";
    $mail->addStringAttachment(random_bytes(5000), '附件.bin');
    $mail->send();
    echo $mail->getSentMIMEMessage();
    """

    def test_phpmailer(self):
        need_program("php")
        probe = run_program("php", "-r", "exit(is_file('/usr/share/php/libphp-phpmailer/autoload.php') ? 0 : 1);")
        if probe.returncode != 0:
            postroad.missing("PHPMailer is missing: ./dev setup installs libphp-phpmailer")
        done = self.peer("php", "-r", self.PHP, "--", self.submission, self.ca, env={"TEST_PW": ASCII_PASSWORD})
        sent = postroad.crlf(done.stdout.encode("utf-8", "surrogateescape"))
        # PHPMailer splits the body at line ends and adds a line end to every piece, also to the empty one after the last line end.
        mail = self.expect(sent + b"\r\n", "ESMTPSA")
        parsed = email.message_from_bytes(mail.message, policy=email.policy.default)
        self.assertEqual(parsed["Subject"], "測試標題")

    # smtp-source

    def smtp_source(self, *flags):
        # It adds an empty line to every body.
        path = self.folder.write("source.eml", HARD_MESSAGE.replace(b"\r\n", b"\n"))
        self.peer(need_program("smtp-source"), *flags, "-m", 20, "-M", "client.example", "-f", FROM, "-t", TO, "-F", path, f"{HOST}:{self.plain}")
        for mail in self.arrived(20):
            same_octets(self, mail.message, HARD_MESSAGE + b"\r\n")

    def test_smtp_source(self):
        self.smtp_source("-s", 5)

    def test_smtp_source_kept_connections(self):
        self.smtp_source("-d", "-s", 4)

    # The article's session, typed by hand: lower case and without angle brackets.

    BY_HAND = [("", "220"), ("HELO client.example", "250"), (f"mail from:{FROM}", "250"), (f"rcpt to:{TO}", "250"), ("data", "354"),
               ("Subject: by hand\n\nhello\n.", "250"), ("REST", "500"), ("quit", "221")]

    def by_hand(self, line_end, *program):
        with subprocess.Popen([str(one) for one in program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=postroad.CLEAN) as process:
            try:
                lines, replies = LineReader(process.stdout.fileno()), []
                for text, code in self.BY_HAND:
                    if text:
                        process.stdin.write(text.encode().replace(b"\n", line_end) + line_end)
                        process.stdin.flush()
                    line = lines.next()
                    while line is not None and not line[:3].isdigit():  # the output of telnet itself
                        line = lines.next()
                    self.assertIsNotNone(line, f"the session ended before the answer to {text!r}")
                    self.assertEqual(line[:3], code, f"{text!r}: {line}")
                    replies.append(line)
                process.stdin.close()
                process.wait(postroad.PATIENCE)
            finally:
                if process.poll() is None:
                    process.kill()
        self.assertRegex(replies[5], r"^250 2\.0\.0 Ok: queued as [0-9A-Z]+")
        self.assertIn("did you mean RSET", replies[6])
        self.expect(b"Subject: by hand\r\n\r\nhello\r\n", "SMTP")

    def test_nc_by_hand(self):
        self.by_hand(b"\r\n", need_program("nc"), HOST, self.plain)

    def test_nc_with_its_own_line_ends(self):
        self.by_hand(b"\n", need_program("nc"), "-C", HOST, self.plain)

    def test_telnet_by_hand(self):
        self.by_hand(b"\n", need_program("telnet"), "-E", HOST, self.plain)


if __name__ == "__main__":
    unittest.main(verbosity=2)
