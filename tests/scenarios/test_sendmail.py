# The sendmail command, called by a link of that name as other programs call it: its flags, its recipients and the message that it
# sends. Rows 22 and 23 of guards.md are here.
import os
import re
import socket
import subprocess
import unittest

import by_hand
import postroad
from sendmail_entry import ME, MAIL, HIDDEN, plain, Sent, Sendmail


class Flags(Sendmail):
    def test_by_name_and_as_a_verb(self):
        for words in ([self.program], [postroad.BINARY, "sendmail"]):
            with by_hand.FakeServer(plain) as fake:
                done = postroad.run_program(*words, "-i", "b@x.example", input=MAIL, env=self.environment(fake.port))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                self.assertEqual(Sent(done, fake.heard).recipients, ["b@x.example"])

    def test_its_own_help(self):
        for words in ([self.program, "--help"], [postroad.BINARY, "sendmail", "--help"]):
            done = postroad.run_program(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for text in ("Usage: ", "sendmail [FLAGS] [RECIPIENT]", "-t ", "-f ADDRESS", "-b MODE", "-O NAME=VALUE", "68  ", "78  "):
                self.assertIn(text, done.stdout)
            self.assertNotIn("Commands", done.stdout)

    def test_flags_that_mean_nothing_here_are_taken(self):
        for flags in (["-bm"], ["-v"], ["-n"], ["-U"], ["-m"], ["-s"], ["-c"], ["-h", "1"], ["-h1"], ["-p", "ESMTP:h"], ["-pESMTP"], ["-oem"],
                      ["-odb"], ["-odi"], ["-oee"], ["-o", "em"], ["-em"], ["-e", "m"], ["-O", "DeliveryMode=b"], ["-ODeliveryMode=b"],
                      ["-OTimeout=1", "-oQ/nowhere"], ["-B", "8BITMIME"], ["-B8bitmime"], ["-B7BIT"], ["-Am"], ["-Ac"], ["-L", "tag"], ["-Ltag"],
                      ["-X", "/nowhere/log"], ["-C", "/nowhere/sendmail.cf"], ["-b", "m"], ["-vn", "-Uv"], ["-G"]):
            with self.subTest(flags):
                self.assertEqual(self.call(*flags, "b@x.example").recipients, ["b@x.example"])
        self.assertFalse(os.path.exists("/nowhere"))

    def test_values_of_exims_own_flags_are_no_recipients(self):
        for flags in (["-oMr", "SMTP"], ["-oMr", "SMTP", "-oMs", "host.example"], ["-oMa", "192.0.2.1", "-oMaa", "PLAIN", "-oMai", "ann", "-oMas", "ann"],
                      ["-oMi", "192.0.2.1", "-oMt", "ident", "-oi"], ["-o", "Mr", "SMTP"], ["-oMrSMTP"]):
            with self.subTest(flags):
                self.assertEqual(self.call(*flags, "b@x.example").recipients, ["b@x.example"])
        self.refused("-oMr", code=64, says="needs a value")

    def test_values_joined_and_in_the_next_word(self):
        for flags in (["-f", "s@x.example"], ["-fs@x.example"], ["-r", "s@x.example"], ["-rs@x.example"], ["-tfs@x.example"], ["-if", "s@x.example"],
                      ["-f", "<s@x.example>"], ["-fSome One <s@x.example>"], ["-oi", "-f", "s@x.example"]):
            with self.subTest(flags):
                self.assertRegex(self.call(*flags, "b@x.example").mail, r"^MAIL FROM:<s@x\.example>")

    def test_modes_with_nothing_to_do(self):
        for flags in (["-bi"], ["-q"], ["-q15m"], ["-qRx.example"], ["-I"]):
            with self.subTest(flags):
                self.assertEqual(self.call(*flags).heard, [])

    def test_64_wrong_flags(self):
        for flags, says in ((["-z"], "'-z'"), (["-bd"], "-bd"), (["-bv", "b@x.example"], "-bv"), (["-f"], "needs a value"), (["-F"], "needs a value"),
                            (["-b"], "needs a value"), (["-B", "BINARY"], "8BITMIME"), (["--help-me"], "'--help-me'"), (["-oi", "-Z1"], "'-Z1'"),
                            (["-N", "sometimes", "b@x.example"], "NOTIFY"), (["-R", "none", "b@x.example"], "RET"),
                            (["-\x1b[31m"], r"\x1b")):
            with self.subTest(flags):
                self.assertNotIn("\x1b", self.refused(*flags, code=64, says=says).words)

    def test_reports_are_asked_for(self):
        sent = self.call("-N", "success,delay", "-Rhdrs", "-V", "id 1+=", "b@x.example", "c@x.example")
        self.assertIn("RET=HDRS", sent.mail)
        self.assertIn("ENVID=id+201+2B+3D", sent.mail)
        self.assertEqual([line.split("> ")[1] for line in sent.rcpt], ["NOTIFY=SUCCESS,DELAY"] * 2)
        sent = self.call("-N", "never", "-R", "full", "b@x.example")
        self.assertIn("RET=FULL", sent.mail)
        # A DSN request is optional: a server without DSN gets the message without it.
        sent = self.call("-Nnever", "-Rfull", "-Vid", "b@x.example", script=lambda peer: plain(peer, ehlo=("fake.example",)))
        self.assertEqual((sent.mail, sent.rcpt), (f"MAIL FROM:<{ME}@here.example>", ["RCPT TO:<b@x.example>"]))


class Row23(Sendmail):
    def test_row_23_behind_the_end_of_the_flags_all_are_addresses(self):
        sent = self.call("-i", "-f", "s@x.example", "--", "-bs@x.example", "-oQ@x.example", "-t", "--")
        self.assertEqual(sent.recipients, ["-bs@x.example", "-oQ@x.example", "-t@here.example", "--@here.example"])

    def test_row_23_behind_an_address_nothing_is_a_flag(self):
        sent = self.call("-i", "b@x.example", "-t@x.example", "-fe@x.example", "-X/tmp/postroad-never@x.example")
        self.assertEqual(sent.recipients, ["b@x.example", "-t@x.example", "-fe@x.example", "-X/tmp/postroad-never@x.example"])
        self.assertFalse(os.path.exists("/tmp/postroad-never@x.example"))
        self.assertRegex(sent.mail, r"@here\.example")
        # `--` after an address ends the flags and is not an address itself.
        self.assertEqual(self.call("b@x.example", "--", "-c@x.example").recipients, ["b@x.example", "-c@x.example"])

    def test_row_23_in_front_an_address_like_a_flag_is_refused_or_a_flag_without_harm(self):
        self.refused("-z@x.example", "b@x.example", code=64, says="behind --")
        sent = self.call("-X/tmp/postroad-never", "-oQ/tmp/postroad-never", "-C/etc/passwd", "b@x.example")
        self.assertEqual(sent.recipients, ["b@x.example"])
        self.assertFalse(os.path.exists("/tmp/postroad-never"))

    def test_row_23_a_sender_may_begin_with_a_hyphen(self):
        for flags in (["-f", "-s@x.example"], ["-f-s@x.example"]):
            self.assertRegex(self.call(*flags, "b@x.example").mail, r"^MAIL FROM:<-s@x\.example>")

    def test_row_23_in_the_header_they_are_only_addresses(self):
        sent = self.call("-t", "-i", input=b"To: -bs@x.example, -t\nCc: --\n\nx\n")
        self.assertEqual(sent.recipients, ["-bs@x.example", "-t@here.example", "--@here.example"])


class Addresses(Sendmail):
    def test_lists_names_comments_groups_in_one_word(self):
        sent = self.call("-i", 'root, "a b"@x.example,Joe Doe <joe@x.example> , "x, y" <xy@x.example>', "friends: a@x.example, root;", "z@x.example (Zoe)")
        self.assertEqual(sent.recipients, ["root@here.example", '"a b"@x.example', "joe@x.example", "xy@x.example", "a@x.example", "z@x.example"])

    def test_the_domain_is_added(self):
        sent = self.call("-t", "-f", "ann", "root", input=b"To: bob\nCc: <eve>\nBcc: \"a b\"\n\nx\n")
        self.assertEqual(sent.mail.split()[1], "FROM:<ann@here.example>")
        self.assertEqual(sorted(sent.recipients), sorted(["root@here.example", "bob@here.example", "eve@here.example", '"a b"@here.example']))
        self.assertEqual(sent.field("From"), ["ann@here.example"])

    def test_each_recipient_once(self):
        sent = self.call("-t", "b@X.example", "b@x.EXAMPLE", "B@x.example", input=b"To: b@x.example\nCc: b@x.example\n\nx\n")
        self.assertEqual(sorted(one.split("@")[0] for one in sent.recipients), ["B", "b"])

    def test_utf8(self):
        sent = self.call("-f", "發件人@例子.example", "grüße@bücher.example", "-t")
        self.assertIn("SMTPUTF8", sent.mail)
        self.assertIn("<發件人@例子.example>", sent.mail)
        self.assertIn("grüße@bücher.example", sent.recipients)
        sent = self.call("grüße@bücher.example", script=lambda peer: plain(peer, ehlo=("fake.example", "8BITMIME")), code=69)
        self.assertEqual(sent.rcpt, [])
        self.assertIn("SMTPUTF8", sent.words)

    def test_wrong_addresses(self):
        for word in ("b@@x.example", "b@", "@x.example", "a b@x.example", "b@x..example", "<b@x.example", '"b@x.example', "b@x.example\r\nRCPT TO:<e@x.example>",
                     "b@x.example c@x.example"):
            with self.subTest(word):
                self.refused("-i", "good@x.example", word, code=64, says="column")
        with by_hand.FakeServer(plain) as fake:  # bytes that are not UTF-8
            done = subprocess.run([str(self.program), b"-i", b"gr\xfcn@x.example"], input=MAIL, env={**postroad.CLEAN, **self.environment(fake.port)},
                                  stderr=subprocess.PIPE, timeout=postroad.PATIENCE, check=False)
            self.assertEqual((done.returncode, fake.heard), (64, []), done.stderr)

    def test_a_wrong_address_in_the_header_is_nobody_silently_left_out(self):
        for header in (b"To: good@x.example\nCc: bad@@x.example\n", b"To: bad@@x.example\n", b"To: good@x.example\nBcc: <bad\n"):
            with self.subTest(header):
                sent = self.refused("-t", input=header + b"\nx\n", code=65, says="bad")
                self.assertEqual(sent.recipients, [])
                # Without -t the header names no recipients.
                self.assertEqual(self.call("b@x.example", input=header + b"\nx\n").recipients, ["b@x.example"])

    def test_wrong_senders(self):
        for sender, says in (("a@x.example, b@x.example", "-f"), ("a@@x.example", "column"), (",", "-f"), ("a@x.example> SIZE=0", "column")):
            with self.subTest(sender):
                self.refused("-f", sender, "b@x.example", code=64, says=says)
                self.refused("-r", sender, "b@x.example", code=64, says=says.replace("-f", "-r"))

    def test_nobody_to_send_to(self):
        for words, input in (([], MAIL), (["-t"], b"Subject: x\n\nx\n"), (["-t"], b""), ([], b""), (["-t"], b"To: friends:;\n\nx\n"), (["undisclosed:;"], MAIL),
                             (["-i", "--"], MAIL), ([""], MAIL)):
            with self.subTest(words, input=input):
                self.refused(*words, input=input, code=65 if "-t" in words else 64, says="no recipient; give addresses")

    def test_the_null_sender(self):
        for flags in (["-f", "<>"], ["-f<>"], ["-f", ""], ["-r", "<>"]):
            with self.subTest(flags):
                sent = self.call(*flags, "b@x.example", input=b"Subject: x\n\nx\n")
                self.assertRegex(sent.mail, r"^MAIL FROM:<>")
                self.assertEqual(sent.field("From"), [f"{ME}@here.example"])

    def test_many_recipients(self):
        many = [f"r{i}@x.example" for i in range(1000)]
        self.assertEqual(self.call("-i", *many).recipients, many)
        self.assertEqual(self.call("-t", input=("To: " + ",\n ".join(many) + "\n\nx\n").encode()).recipients, many)


class Header(Sendmail):
    def test_row_22_bcc_is_taken_out_and_gets_the_mail(self):
        bcc = ("Bcc: hidden1@x.example,\n\thidden2@x.example,\n  Hidden <hidden3@x.example>\n", "bcc:hidden4@x.example\n", "BCC : hidden5@x.example\n")
        for at in range(3):
            lines = ["To: b@x.example\n", "Subject: x\n"]
            lines.insert(at, "".join(bcc))
            for end in ("\n", "\r\n"):
                with self.subTest(at=at, end=end):
                    sent = self.call("-t", "-i", input=("".join(lines) + "\nbody\n").replace("\n", end).encode())
                    self.assertEqual(sorted(sent.recipients), sorted(["b@x.example", *HIDDEN]))
                    self.assertNotIn("hidden", "\n".join(sent.text).lower())
                    self.assertFalse([line for line in sent.header if line.lower().startswith("bcc")])

    def test_row_22_bcc_without_t_is_taken_out_too(self):
        sent = self.call("b@x.example", input=b"To: b@x.example\nBcc: hidden1@x.example\n\nbody\n")
        self.assertEqual(sent.recipients, ["b@x.example"])
        self.assertNotIn("hidden", "\n".join(sent.text))

    def test_row_22_only_bcc(self):
        for input in (b"Bcc: hidden1@x.example\n\nbody\n", b"Bcc: hidden1@x.example\n", b"Bcc: hidden1@x.example"):
            sent = self.call("-t", input=input)
            self.assertEqual(sent.recipients, ["hidden1@x.example"])
            self.assertNotIn("hidden", "\n".join(sent.text))

    def test_row_22_resent_bcc(self):
        sent = self.call("-t", input=b"Resent-To: r@x.example\nResent-Bcc: hidden1@x.example\nResent-From: ann@x.example\nFrom: old@x.example\n"
                                     b"To: old@x.example\nBcc: hidden2@x.example\n\nbody\n")
        self.assertEqual(sorted(sent.recipients), ["hidden1@x.example", "r@x.example"])
        self.assertNotIn("hidden", "\n".join(sent.text))

    def test_row_22_bcc_behind_a_line_that_is_no_field(self):
        for input in (b"To: b@x.example\nthis is no field\nBcc: hidden1@x.example\n\nbody\n", b"To: b@x.example\n: x\nResent-Bcc: hidden1@x.example\n\nbody\n"):
            sent = self.call("-t", input=input, code=65)
            self.assertEqual(sent.heard, [])
            self.assertIn("Bcc", sent.words)

    def test_row_22_bcc_in_the_body_is_text(self):
        sent = self.call("-t", input=b"To: b@x.example\n\nBcc: hidden1@x.example\n")
        self.assertEqual((sent.recipients, sent.body), (["b@x.example"], ["Bcc: hidden1@x.example"]))

    def test_row_4_what_is_given_for_a_name_stays_a_name(self):
        for name in ("Cron\r\nBcc: e@x.example", 'a" <e@x.example>, "b', "a\\", "<e@x.example>", "=?utf-8?q?x?=", "a\nSubject: evil"):
            with self.subTest(name):
                sent = self.call("-F", name, "-f", "s@x.example", "b@x.example", input=b"Subject: x\n\nx\n")
                self.assertEqual(sent.recipients, ["b@x.example"])
                self.assertEqual((len(sent.field("From")), sent.field("Subject"), sent.field("Bcc")), (1, ["x"], []))
                self.assertTrue(sent.field("From")[0].endswith(" <s@x.example>"), sent.field("From"))

    def test_from_is_added_with_the_name(self):
        for flags, value in ((["-F", "Cron Daemon", "-f", "s@x.example"], ("Cron Daemon <s@x.example>", '"Cron Daemon" <s@x.example>')),
                             (["-FCronDaemon"], (f"CronDaemon <{ME}@here.example>", f'"CronDaemon" <{ME}@here.example>')),
                             (["-F", "N", "-f", "<s@x.example>"], ("N <s@x.example>", '"N" <s@x.example>')),
                             (["-F", "N", "-f", "Other <s@x.example>"], ("N <s@x.example>", '"N" <s@x.example>')),
                             (["-f", '"a b"@x.example'], ('"a b"@x.example',)), ([], (f"{ME}@here.example",))):
            with self.subTest(flags):
                self.assertIn(self.call(*flags, "b@x.example", input=b"Subject: x\n\nx\n").field("From")[0], value)

    def test_a_name_that_is_not_utf8_stops_no_mail(self):
        with by_hand.FakeServer(plain) as fake:
            done = subprocess.run([str(self.program), b"-FAndr\xe9", b"b@x.example"], input=b"Subject: x\n\nx\n",
                                  env={**postroad.CLEAN, **self.environment(fake.port)}, stderr=subprocess.PIPE, timeout=postroad.PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len([line for line in fake.heard if line.startswith("From: =?")]), 1)

    def test_from_that_is_there_is_kept(self):
        for head in (b"From: Ann <ann@x.example>\n", b"from:ann@x.example\n", b"From:\n  ann@x.example\n", b"Subject: x\nFROM : ann@x.example\n"):
            with self.subTest(head):
                sent = self.call("-F", "Other", "-f", "s@x.example", "b@x.example", input=head + b"\nFrom: body\n")
                self.assertEqual("\n".join(sent.header).lower().count("from"), 1, sent.header)
                self.assertIn("ann@x.example", "\n".join(sent.header))
                self.assertEqual(sent.mail.split()[1], "FROM:<s@x.example>")

    def test_date_and_message_id_are_added_once(self):
        sent = self.call("b@x.example", input=b"Subject: x\n\nx\n")
        self.assertEqual((len(sent.field("Date")), len(sent.field("Message-ID"))), (1, 1))
        sent = self.call("b@x.example", input=b"date: Tue, 02 Jan 2024 03:04:05 +0000\nmessage-id: <own@x.example>\n\nx\n")
        self.assertEqual((sent.field("Date"), sent.field("Message-ID")), (["Tue, 02 Jan 2024 03:04:05 +0000"], ["<own@x.example>"]))

    def test_without_a_header_all_is_text(self):
        for input, body in ((b"hello\n", ["hello"]), (b"hello", ["hello"]), (b"\nhello\n", ["hello"]), (b"disk full on /: 99%\nFrom: monday\nto friday\n\nx\n",
                            ["disk full on /: 99%", "From: monday", "to friday", "", "x"]), (b" indented\n", [" indented"])):
            with self.subTest(input):
                sent = self.call("b@x.example", input=input)
                self.assertEqual(sent.body, body)
                self.assertEqual([len(sent.field(name)) for name in ("From", "Date", "Message-ID")], [1, 1, 1], sent.header)

    def test_empty_input(self):
        for input in (b"", b"\n", b".\n"):
            sent = self.call("b@x.example", input=input)
            self.assertEqual((sent.recipients, sent.body), (["b@x.example"], []))

    def test_a_binary_file_is_no_message(self):
        for input in (b"\x7fELF\x02\x01\x01\0\0\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "text in UTF-16\n".encode("utf-16")):
            with self.subTest(input):
                self.refused("-i", "b@x.example", input=input, code=65, says="binary")
        self.assertEqual(self.call("-i", "-O", "AllowBinary=true", "b@x.example", input=b"\x01\x02\n").body, ["\x01\x02"])

    def test_the_mbox_line_is_dropped(self):
        sent = self.call("b@x.example", input=b"From ann Mon Jan  1 00:00:00 2024\nFrom: ann@x.example\nSubject: x\n\nx\n")
        self.assertEqual((sent.field("From"), sent.body), (["ann@x.example"], ["x"]))


class Text(Sendmail):
    def test_a_lone_dot_ends_it_without_i(self):
        for end in ("\n", "\r\n"):
            input = ("Subject: x\n\none\n..two\n.three\n.\nfour\n").replace("\n", end).encode()
            self.assertEqual(self.call("b@x.example", input=input).body, ["one", "...two", "..three"])  # as on the wire
            self.assertEqual(self.call("b@x.example", input=b"Subject: x\n\none\n.").body, ["one"])

    def test_a_lone_dot_is_text_with_i(self):
        for flags in (["-i"], ["-oi"], ["-o", "i"], ["-ti"], ["-O", "IgnoreDots=True"], ["-OIgnoreDots=true"], ["-vi"]):
            with self.subTest(flags):
                sent = self.call(*flags, "b@x.example", input=b"Subject: x\n\none\n.\nfour\n.")
                self.assertEqual(sent.recipients, ["b@x.example"])
                self.assertEqual(sent.text[-4:], ["one", "..", "four", ".."])

    def test_line_ends(self):
        octets = {}

        def script(peer):
            peer.say("220 fake.example ESMTP\r\n")
            by_hand.converse(peer, until="DATA")
            peer.say("354 go on\r\n")
            while not peer.rest.endswith(b"\r\n.\r\n"):
                got = peer.socket.recv(65536)
                if not got:
                    raise EOFError
                peer.rest += got
            octets["text"], peer.rest = peer.rest, b""
            peer.say("250 2.0.0 Ok\r\n")
            by_hand.converse(peer)
        for input in (b"Subject: x\n\na\nb\n", b"Subject: x\r\n\r\na\r\nb\r\n", b"Subject: x\n\r\na\r\nb\n", b"Subject: x\n\na\nb"):
            with self.subTest(input):
                self.call("b@x.example", input=input, script=script)
                self.assertTrue(octets["text"].endswith(b"\r\n\r\na\r\nb\r\n.\r\n"), octets["text"])
        for input in (b"Subject: x\n\na\n.\n\rb\r.\r\nMAIL FROM:<e@x.example>\n", b"Subject: x\r\n\r\na\r.\r\n\n.\r\nDATA\n"):
            self.call("-i", "b@x.example", input=input, script=script)
            self.assertFalse(re.search(rb"[^\r]\n|\r[^\n]", octets["text"]), octets["text"])
            self.assertEqual(octets["text"].count(b"\r\n.\r\n"), 1, octets["text"])

    def test_eight_bits(self):
        for text in ("Grüße – 郵件".encode(), b"\xe9\xff latin", b"\x80"):
            with self.subTest(text):
                sent = self.call("-B8BITMIME", "b@x.example", input=b"Subject: x\n\n" + text + b"\n")
                self.assertIn("BODY=8BITMIME", sent.mail)
                self.assertNotIn("SMTPUTF8", sent.mail)
                self.assertEqual(sent.body, [text.decode(errors="replace")])
        sent = self.call("b@x.example", input="Subject: grüße\n\nx\n".encode())
        self.assertIn("SMTPUTF8", sent.mail)
        # The flag announces a body type; the data decides.
        self.assertNotIn("BODY", self.call("-B8BITMIME", "b@x.example", input=b"Subject: x\n\nx\n").mail.replace("BODY=7BIT", ""))

    def test_a_nul_in_the_header_is_refused(self):
        sent = self.call("b@x.example", input=b"Subject: a\0b\n\nx\n", code=65)
        self.assertEqual(sent.heard, [])

    def test_twenty_megabytes(self):
        line = b"0123456789abcdef" * 4 + b"\n"
        count = (20 << 20) // len(line)
        sent = self.call("-i", "b@x.example", input=b"Subject: x\n\n" + line * count, timeout=120)
        self.assertEqual(len(sent.body), count)
        self.assertEqual(set(sent.body), {line[:-1].decode()})

    def test_input_that_cannot_be_read_is_not_an_empty_mail(self):
        with by_hand.FakeServer(plain) as fake:
            descriptor = os.open(self.folder.path, os.O_RDONLY)  # read() of a folder fails
            try:
                done = subprocess.run([str(self.program), "b@x.example"], stdin=descriptor, env={**postroad.CLEAN, **self.environment(fake.port)},
                                      stderr=subprocess.PIPE, timeout=postroad.PATIENCE, check=False)
            finally:
                os.close(descriptor)
            closed = postroad.run_program("/bin/sh", "-c", f'exec "{self.program}" b@x.example <&-', env=self.environment(fake.port))
            self.assertEqual((done.returncode, closed.returncode), (74, 74), done.stderr.decode() + closed.stderr)
            self.assertIn("standard input", done.stderr.decode())
            self.assertEqual(fake.heard, [])

    def test_a_reset_in_the_middle_is_not_the_end(self):
        with by_hand.FakeServer(plain) as fake:
            ours, its = socket.socketpair()
            process = subprocess.Popen([str(self.program), "b@x.example"], stdin=its, env={**postroad.CLEAN, **self.environment(fake.port)},
                                       stderr=subprocess.PIPE)
            its.send(b"?")  # unread data, so that the close below is a reset
            its.close()
            ours.sendall(b"Subject: x\n\nhalf of")
            ours.close()
            words = process.communicate(timeout=postroad.PATIENCE)[1]
            self.assertEqual((process.returncode, fake.heard), (74, []), words)

    def test_a_caller_that_listens_no_more_still_gets_the_exit_code(self):
        with by_hand.FakeServer(lambda peer: plain(peer, rcpt="550 5.1.1 nobody")) as fake:
            read, write = os.pipe()
            os.close(read)
            try:
                done = subprocess.run([str(self.program), "b@x.example"], input=MAIL, env={**postroad.CLEAN, **self.environment(fake.port)}, stdout=write,
                                      stderr=write, timeout=postroad.PATIENCE, check=False)
            finally:
                os.close(write)
            self.assertEqual(done.returncode, 69)


if __name__ == "__main__":
    unittest.main()
