# `postroad user`: the users file keeps its owner and mode, so that a server that does not run as root can still read it after root
# has changed it. Also the message if there is no terminal to ask for the password.
import os
import stat
import subprocess
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


class Passwords(unittest.TestCase):
    def test_without_a_terminal(self):
        users = self.enterContext(postroad.Folder()).path / "users"
        done = postroad.run("user", "add", "ann", "--file", users, start_new_session=True)
        self.assertEqual(done.returncode, 65)
        self.assertEqual(done.stderr, "postroad user: new password of ann: there is no terminal to ask on; use --password-file or --password-env\n")
        done = postroad.run("user", "add", "ann", "--file", users, "--password-file", "/nowhere/pw")
        self.assertEqual(done.returncode, 66)
        self.assertIn("--password-file /nowhere/pw: cannot be read: No such file or directory", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
