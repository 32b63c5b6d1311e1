# `postroad user`: the users file keeps its owner and mode, so that a server that does not run as root can still read it after root
# has changed it. Also the message if there is no terminal to ask for the password.
import fcntl
import os
import pty
import resource
import select
import signal
import stat
import struct
import subprocess
import termios
import unittest

import postroad

NOBODY = (65534, 65533)  # a user and a group other than root's


@unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
class Ownership(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(postroad.Folder())
        self.users = folder.path / "users"
        os.chown(folder.path, *NOBODY)

    def facts(self):
        facts = self.users.stat()
        return facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)

    def test_a_new_file_is_its_folders_owners(self):
        postroad.add_user(self.users, "ann", "s3cret")
        self.assertEqual(self.facts(), (*NOBODY, 0o600))

    def test_the_file_keeps_its_owner_and_mode(self):
        postroad.add_user(self.users, "ann", "s3cret")
        for owner, mode in (((1, 2), 0o600), ((0, 0), 0o400)):
            os.chown(self.users, *owner)
            self.users.chmod(mode)
            postroad.add_user(self.users, "ben", "s3cret")
            self.assertEqual(self.facts(), (*owner, mode))
            self.assertEqual(postroad.run("user", "remove", "ben", "--file", self.users).returncode, 0)
            self.assertEqual(self.facts(), (*owner, mode))

    def test_the_server_can_read_it(self):
        postroad.add_user(self.users, "ann", "s3cret")
        done = subprocess.run(["cat", self.users], user=NOBODY[0], group=NOBODY[1], extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, cwd="/")
        self.assertIn(b"ann:SCRAM-SHA-256", done.stdout, done.stderr)


class Concurrency(unittest.TestCase):
    def test_users_added_at_the_same_time_are_all_there(self):
        users = self.enterContext(postroad.Folder()).path / "users"
        names = [f"user{i}" for i in range(12)]
        added = [subprocess.Popen([postroad.BINARY, "user", "add", name, "--file", users, "--password-env", "TEST_PW"],
                                  env={**postroad.CLEAN, "TEST_PW": "s3cret"}, stdin=subprocess.DEVNULL) for name in names]
        self.assertEqual([one.wait(postroad.PATIENCE) for one in added], [0] * len(names))
        self.assertEqual(postroad.run("user", "list", "--file", users).stdout.split(), sorted(names))


class Passwords(unittest.TestCase):
    def test_without_a_terminal(self):
        users = self.enterContext(postroad.Folder()).path / "users"
        done = postroad.run("user", "add", "ann", "--file", users, start_new_session=True)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(done.stderr, "postroad user: new password of ann: there is no terminal for the prompt; use --password-file or --password-env\n")
        done = postroad.run("user", "add", "ann", "--file", users, "--password-file", "/nowhere/pw")
        self.assertEqual(done.returncode, 66)
        empty = users.parent / "empty"
        empty.touch(mode=0o600)
        self.assertEqual(postroad.run("user", "add", "ann", "--file", users, "--password-file", empty).returncode, 65)
        self.assertIn("--password-file /nowhere/pw: cannot be read: No such file or directory", done.stderr)


class DefaultFile(unittest.TestCase):
    def test_help_and_messages_name_it(self):
        for verb in ("", "add", "remove", "list"):
            self.assertIn("./postroad-users", postroad.run("user", *verb.split(), "--help").stdout, verb)
        folder = self.enterContext(postroad.Folder()).path
        for words in (("list",), ("remove", "ann")):
            done = postroad.run("user", *words, cwd=folder)
            self.assertEqual(done.returncode, 74, done.stderr)
            self.assertRegex(done.stderr, r"^postroad user: \./postroad-users: cannot read the users: No such file .*`postroad user add NAME --file \./postroad-users`")
        done = postroad.run("user", "add", "ann", "--password-env", "TEST_PW", env={"TEST_PW": "s3cret"}, cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((folder / "postroad-users").exists())
        done = postroad.run("user", "remove", "ben", cwd=folder)
        self.assertEqual(done.stderr, "postroad user: ben: no such user in ./postroad-users; `postroad user list --file ./postroad-users` shows the users\n")


class ExitCodes(unittest.TestCase):
    def test_a_missing_folder_is_named(self):
        folder = self.enterContext(postroad.Folder()).path / "not" / "here"
        done = postroad.run("user", "add", "ann", "--file", folder / "users", "--password-env", "TEST_PW", env={"TEST_PW": "s3cret"})
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertEqual(done.stderr, f"postroad user: {folder}/users: the folder {folder} does not exist; create it: mkdir -p {folder}\n")

    def test_a_wrong_name_is_a_usage_error_and_wrong_content_a_data_error(self):
        folder = self.enterContext(postroad.Folder())
        users = folder.path / "users"
        for password, code in ((b"s3cret", 0), (b"\xff\xff", 65)):
            with self.subTest(password):
                file = folder.write("pw", password, 0o600)
                done = postroad.run("user", "add", "ann", "--file", users, "--password-file", file)
                self.assertEqual(done.returncode, code, done.stderr)
        # The name is refused before a password is asked for: there is no terminal here.
        done = postroad.run("user", "add", "a b", "--file", users, start_new_session=True)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("a user name may not contain", done.stderr)
        done = postroad.run("user", "remove", "ben", "--file", users)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("no such user", done.stderr)
        done = postroad.run("user", "list", "--file", folder.write("other", "nonsense\n", 0o600))
        self.assertEqual(done.returncode, 65, done.stderr)
        self.assertIn("not a user", done.stderr)


class AtATerminal(unittest.TestCase):
    """`user add` on a terminal of its own."""

    def setUp(self):
        self.users = self.enterContext(postroad.Folder()).path / "users"

    def add(self, *answers, descriptors=None):
        """The output, the exit code, and whether the terminal has its echo again."""
        child, main = pty.fork()
        if child == 0:
            os.closerange(3, 256)  # of the test's own parents
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            signal.alarm(int(postroad.PATIENCE))  # the bound of waitpid below
            os.execve(postroad.BINARY, [postroad.BINARY, "user", "add", "ann", "--file", str(self.users)], postroad.CLEAN)
        seen = b""
        number, = struct.unpack("I", fcntl.ioctl(main, 0x80045430, bytes(4)))  # TIOCGPTN; os.ptsname is new in Python 3.13
        side = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)  # keeps the terminal when the program has ended
        for answer in answers:
            asked = seen.count(b": ")
            while seen.count(b": ") == asked:
                self.assertTrue(select.select([main], [], [], postroad.PATIENCE)[0], seen)
                seen += os.read(main, 4096)
            os.write(main, answer)
        _, status = os.waitpid(child, 0)
        echo = bool(termios.tcgetattr(side)[3] & termios.ECHO)
        os.set_blocking(main, False)
        try:
            seen += os.read(main, 4096)
        except BlockingIOError:
            pass
        os.close(side)
        os.close(main)
        return seen.decode(), status, echo

    def test_the_password_is_asked_for_twice(self):
        seen, status, echo = self.add(b"s3cret\n", b"s3cret\n")
        self.assertEqual((os.waitstatus_to_exitcode(status), echo), (0, True), seen)
        self.assertIn("new password of ann: ", seen)
        self.assertNotIn("s3cret", seen)
        self.assertIn("ann:", self.users.read_text())

    def test_two_passwords_that_differ(self):
        seen, status, echo = self.add(b"s3cret\n", b"secret\n")
        self.assertEqual((os.waitstatus_to_exitcode(status), echo), (65, True), seen)
        self.assertIn("the two passwords differ; nothing was changed", seen)
        self.assertFalse(self.users.exists())

    # The terminal takes the last descriptor. Without one for signals, Ctrl-C would not be seen at the question.
    @unittest.skipIf(postroad.is_sanitized(), "not applicable: UBSan needs descriptors for its own checks")
    def test_nothing_is_asked_without_a_descriptor_for_signals(self):
        seen, status, echo = self.add(descriptors=4)
        self.assertEqual((os.waitstatus_to_exitcode(status), echo), (66, True), seen)
        self.assertRegex(seen, "new password of ann: cannot be asked for: no descriptor for signals: Too many open files; use --password-file or --password-env")
        self.assertFalse(self.users.exists())

    def test_ctrl_c_gives_the_echo_back(self):
        for answers in ((b"s3c\x03",), (b"s3cret\n", b"\x03")):
            seen, status, echo = self.add(*answers)
            self.assertTrue(os.WIFSIGNALED(status), seen)
            self.assertEqual((os.WTERMSIG(status), echo), (signal.SIGINT, True))

    def test_the_end_of_input_is_no_password(self):
        seen, status, echo = self.add(b"\x04")
        self.assertEqual((os.waitstatus_to_exitcode(status), echo), (65, True), seen)
        self.assertIn("the input ended before a password was typed", seen)
        self.assertFalse(self.users.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
