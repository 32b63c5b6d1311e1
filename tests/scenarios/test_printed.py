# No verb that shows a received message writes its control characters to the terminal. No output is lost, neither with a slow reader of
# a non-blocking pipe nor with a mailbox that cannot be read.
import fcntl
import os
import re
import struct
import subprocess
import termios
import unittest

import postroad

ESCAPE = "\x1b]0;owned\x07\x1b[31m"
MESSAGE = (f"From: \"{ESCAPE}\" <a@x.example>\r\nTo: b@x.example\r\nSubject: {ESCAPE}\r\nDate: {ESCAPE}\r\nMessage-ID: <{ESCAPE}@x>\r\n"
           f"DKIM-Signature: v=1; a=rsa-sha256; d={ESCAPE}.example; s={ESCAPE}; h=from; bh=x; b=x\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
           f"--b\r\nContent-Type: text/{ESCAPE}\r\n\r\nhello {ESCAPE}\r\n"
           f"--b\r\nContent-Type: application/{ESCAPE}; name=\"{ESCAPE}\"\r\nContent-Disposition: attachment; filename=\"{ESCAPE}\"\r\n\r\nx\r\n"
           f"--b\r\nContent-Type: text/plain\r\n\r\n{ESCAPE}\r\n--b--\r\n")


def store(data, text, mailbox="b@x.example", name="1764400000.Q0001.host"):
    folder = data / "mail" / mailbox / "new"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode())
    return folder / name


class Printed(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder())
        self.data = self.folder.path / "data"

    def test_no_control_characters_of_a_message(self):
        path = store(self.data, MESSAGE)
        for words in (("mail", "show", "last", "-d", self.data), ("mail", "list", "-d", self.data), ("mail", "wait", "-d", self.data),
                      ("mail", "show", "last", "--json", "-d", self.data), ("mail", "list", "--json", "-d", self.data), ("lint", path), ("lint", "--json", path),
                      ("dkim", "verify", path), ("dkim", "verify", "--json", path)):
            with self.subTest(words):
                done = postroad.run(*words)
                self.assertNotRegex(done.stdout + done.stderr, r"[\x00-\x08\x0b-\x1f\x7f]")
                self.assertTrue(done.stdout)

    def test_a_pipe_that_does_not_block(self):
        store(self.data, "Subject: large\r\n\r\n" + "0123456789\r\n" * 100_000)
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETFL, fcntl.fcntl(write, fcntl.F_GETFL) | os.O_NONBLOCK)
        process = subprocess.Popen([postroad.BINARY, "mail", "show", "last", "--raw", "-d", str(self.data)], stdout=write, stderr=subprocess.PIPE,
                                   env=postroad.CLEAN)
        os.close(write)

        def waiting():
            return struct.unpack("i", fcntl.ioctl(read, termios.FIONREAD, b"\0" * 4))[0]
        postroad.eventually(lambda: waiting() > 60_000, process, "a full pipe")
        with open(read, "rb") as pipe:
            text = pipe.read()
        self.assertEqual(process.wait(postroad.PATIENCE), 0, process.stderr.read())
        process.stderr.close()
        self.assertEqual(len(text), 18 + 12 * 100_000)

    def test_a_data_folder_without_messages(self):
        absent = self.data / "absent"
        done = postroad.run("mail", "wait", "-d", absent, "--timeout", "1ms")
        self.assertEqual((done.returncode, done.stderr), (75, f"postroad mail wait: 0 of 1 messages arrived within 1ms; the folder {absent} does not exist: "
                                                              "-d is the server's data folder\n"))
        (self.data / "mail").mkdir(parents=True, exist_ok=True)
        done = postroad.run("mail", "wait", "-d", self.data, "--timeout", "1ms")
        self.assertEqual((done.returncode, done.stderr), (75, "postroad mail wait: 0 of 1 messages arrived within 1ms; see --timeout\n"))
        for flags, words in (((), ""), (("-m", "c@x.example"), " to c@x.example")):
            done = postroad.run("mail", "show", "last", "-d", self.data, *flags)
            self.assertEqual((done.returncode, done.stderr), (66, f"postroad mail: {self.data}: there are no messages{words}\n"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_a_mailbox_that_cannot_be_read(self):
        path = store(self.data, MESSAGE)
        store(self.data, MESSAGE, mailbox="c@x.example")
        binary = self.folder.write("postroad", open(postroad.BINARY, "rb").read(), 0o755)
        self.folder.path.chmod(0o755)
        for closed, mode in ((path, 0o600), (path.parent, 0o700), (path.parent.parent, 0o700), (self.data / "mail", 0o700)):
            before = closed.stat().st_mode
            closed.chmod(mode)
            for words in (("list",), ("show", "last"), ("wait", "--timeout", "100ms")):
                done = postroad.run_program(binary, "mail", *words, "-d", self.data, user=65534, group=65534, extra_groups=[])
                self.assertEqual(done.returncode, 74, (words, closed, done.stdout, done.stderr))
                self.assertRegex(done.stderr, re.escape(str(closed)) + ".*Permission denied")
            closed.chmod(before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
