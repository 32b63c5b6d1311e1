# `postroad config check` finds what would fail at run time: each problem on a line of its own, with the remedy.
import os
import re
import socket
import unittest

from certificates import Certificates
import postroad


class ConfigCheck(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(postroad.Folder()).path
        self.certificates = Certificates(self.folder)
        self.certificate, self.key = self.certificates.make("good", san="DNS:mail.test.example")
        self.users = self.folder / "users"
        postroad.add_user(self.users, "ann", "one")

    def check(self, settings, *flags):
        base = {"server": {"hostname": "mail.test.example", "data": self.folder / "data", "users": self.users},
                "local": {"domains": ["here.example"], "mailboxes": ["ann"]},
                "listener": [{"port": 0, "role": "submission", "tls": "required", "certificate": self.certificate, "key": self.key}]}
        for name, table in settings.items():
            base[name] = table if isinstance(table, list) else {**base.get(name, {}), **table}
        path = self.folder / "postroad.toml"
        path.write_text(postroad.toml(base))
        return postroad.run("config", "check", "--config", path, *flags)

    def listener(self, **change):
        return {"listener": [{"port": 0, "role": "submission", "tls": "required", "certificate": self.certificate, "key": self.key, **change}]}

    def test_nothing_wrong(self):
        done = self.check({})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_faults(self):
        other, other_key = self.certificates.make("other")
        expired, expired_key = self.certificates.expired()
        taken = self.enterContext(socket.create_server((postroad.HOST, 0)))
        port = taken.getsockname()[1]
        with socket.create_server((postroad.HOST, 0)) as gone:
            free = gone.getsockname()[1]
        nobody = self.folder / "nobody"
        postroad.add_user(nobody, "gone", "x")
        postroad.run("user", "remove", "gone", "--file", nobody)
        table = [
            (self.listener(certificate=self.folder / "none.pem"), "none.pem"),
            (self.listener(key=other_key), "private key"),
            (self.listener(certificate=expired, key=expired_key), "expired"),
            ({"listener": [{"port": port}]}, f"[127.0.0.1]:{port}: the port is in use"),
            ({"listener": [{"port": 0, "address": "192.0.2.77"}]}, "192.0.2.77"),
            ({"server": {"data": self.certificate}}, "is not a folder"),
            ({"log": {"file": self.folder / "no" / "mail.log"}}, "log.file: the folder"),
            ({"server": {"users": self.folder / "missing"}}, "missing"),
            ({"server": {"users": nobody}}, "holds no users"),
            ({"server": {"user": "no-such-user"}}, "no-such-user"),
            ({"local": {"aliases": ["a: b", "b: a"]}}, "leads back to itself"),
            ({"submission": {"senders": ["ann: nobody"]}}, "'nobody' is neither an address nor @domain"),
            ({"delivery": {"smarthost": "smtp://127.0.0.1:2599"}, "listener": [{"port": 2599}]}, "a mail loop"),
            ({"delivery": {"smarthost": "smtp://["}}, "delivery.smarthost"),
            (self.listener(banner="a\tb"), "banner"),
            ({"local": {"mailboxes": [], "aliases": []}}, "no recipient for postmaster@here.example"),
            ({"local": {"aliases": ["out: x@elsewhere.example"]}}, "a remote address without a route"),
            ({"local": {"catch_all": "x@elsewhere.example"}}, "a remote address without a route"),
            ({"local": {"mailboxes": ["ann", "ben@typo.example"]}}, "a mailbox of a domain that is not in local.domains"),
            ({"bounces": {"postmaster": "nobody@here.example"}}, "bounces.postmaster: there is no mailbox"),
            ({"bounces": {"postmaster": "nobody@there.example"}}, "bounces.postmaster: there is no route"),
            ({"bounces": {"postmaster": "nobody"}}, "bounces.postmaster"),
            ({"bounces": {"confirm_networks": ["here"]}}, "bounces.confirm_networks"),
            ({"limits": {"command": "200000d"}}, "limits.command"),
            ({"limits": {"command": "0s"}}, "limits.command"),
            ({"clients": {"errors": "1/1000d"}}, "period too long"),
            (self.listener(only_from=["here"]), "only_from"),
            (self.listener(relay_from=["300.0.0.1"]), "relay_from"),
            (self.listener(proxy_from=["192.0.2.0/33"]), "proxy_from"),
            (self.listener(xclient_from=["there"]), "xclient_from"),
            (self.listener(mechanisms=["PLAN"]), "PLAN is unknown"),
            ({"listener": [{"port": 0, "role": "mx", "auth_required": True}], "server": {"users": ""}}, "AUTH needs server.users"),
            ({"delivery": {"smarthost": "smtp://ann:SECRET@relay.example"}}, "no password in the URL"),
            ({"metrics": {"listen": "nonsense"}}, "metrics.listen"),
            ({"metrics": {"listen": f"127.0.0.1:{port}"}}, f"metrics.listen: [127.0.0.1]:{port}: the port is in use"),
            ({"listener": [{"port": free}, {"port": free}]}, f"[127.0.0.1]:{free} is already the address of listener 0"),
            ({"metrics": {"listen": f"127.0.0.1:{free}"}, "listener": [{"port": free}]}, f"metrics.listen: [127.0.0.1]:{free} is already"),
            ({"limits": {"message_size": 0}}, "limits.message_size"),
            ({"limits": {"message_size": "8388607TiB"}}, "limits.message_size"),
            ({"listener": [{"port": 0, "message_size": "8388607TiB"}]}, "listener.message_size"),
            ({"limits": {"errors": 0}}, "limits.errors"),
            ({"spool": {"reserve": "8388607TiB"}}, "spool.reserve"),
            ({"delivery": {"smarthost": "smtp://relay.example", "smarthost_user": "ann"}}, "this user has no password"),
            ({"delivery": {"smarthost": "smtp://relay.example", "smarthost_ca_file": "/nowhere/ca.pem"}}, "/nowhere/ca.pem: cannot be read"),
            ({"delivery": {"smarthost": "smtp://relay.example", "smarthost_ca_file": self.key}},
             f"delivery.smarthost_ca_file: {self.key}: cannot read CA certificates (PEM) from this file"),
            ({"delivery": {"smarthost": "smtp://relay.example", "networks": ["0.0.0.0/0"]},
              "listener": [{"port": 0, "role": "mx", "address": "0.0.0.0"}]}, "makes an open relay"),
            ({"delivery": {"smarthost": "smtp://relay.example"},
              "listener": [{"port": 0, "role": "mx", "address": "0.0.0.0", "relay_from": ["::/0"]}]}, "makes an open relay"),
            ({"listener": [{"port": 0, "address": "0.0.0.0"}]}, "a catcher on 0.0.0.0"),
        ]
        for settings, words in table:
            done = self.check(settings, "--offline")
            self.assertEqual(done.returncode, 78, (words, done.stderr))
            self.assertIn(words, done.stderr)
            self.assertNotIn("SECRET", done.stderr)
            for line in done.stderr.splitlines():
                self.assertTrue(line.startswith("postroad config check: "), line)

    # The option that must change, with its line, and for a key the certificate that it does not fit.
    def test_a_file_of_tls_is_reported_at_the_option_that_names_it(self):
        _, other_key = self.certificates.make("other")
        path = self.folder / "postroad.toml"
        for option, change, words in (
                ("key", {"key": other_key}, f"{other_key}: this private key does not belong to the certificate in {self.certificate}; name the key"),
                ("key", {"key": self.users}, f"{self.users}: cannot read a private key (PEM) from this file"),
                ("key", {"key": "/nowhere/x.key"}, "/nowhere/x.key: cannot be read"),
                ("certificate", {"certificate": self.key}, f"{self.key}: cannot read a certificate chain (PEM) from this file"),
                ("client_ca", {"client_ca": self.users}, f"{self.users}: cannot read CA certificates (PEM) from this file")):
            done = self.check(self.listener(**change), "--offline")
            lines = path.read_text().splitlines()
            line = 1 + next(i for i, text in enumerate(lines) if text.startswith(f"{option} = "))
            for run in (done, postroad.run("serve", "--config", path)):
                self.assertEqual(run.returncode, 78, run.stderr)
                self.assertIn(f"{path}:{line}: listener.{option}: {words}", run.stderr)

    # A server runs with these settings; `serve` prints warnings about them.
    def test_hazards_do_not_keep_the_server_from_starting(self):
        with postroad.Server({"listener": [{"address": "0.0.0.0"}]}) as server:
            self.assertIn("postroad serve: warning: ", server.log)
            self.assertIn("a catcher on 0.0.0.0", server.log)

    def test_every_problem_in_one_round(self):
        done = self.check({"local": {"domains": ["here.example"], "mailboxes": ["ann"], "aliases": ["no form", "a: @@", "ben: ann"]},
                           "submission": {"senders": ["ann", "ann: nobody"]},
                           "clients": {"exempt": ["there"]},
                           "listener": [{"port": 0, "role": "submission", "relay_from": ["here", "there"], "banner": "a\tb"},
                                        {"port": 0, "address": "nowhere", "role": "mx", "mechanisms": ["PLAN"]}],
                           "server": {"users": self.folder / "missing", "data": self.certificate}}, "--offline")
        self.assertEqual(done.returncode, 78)
        for words in ("'no form'", "'a: @@'", "'ann'", "'nobody'", "clients.exempt: 'there'", "relay_from: 'here'", "relay_from: 'there'",
                      "banner", "AUTH is never offered", "'nowhere' is not an IP address", "PLAN is unknown", "/missing: ", "is not a folder"):
            self.assertEqual(len([line for line in done.stderr.splitlines() if words in line]), 1, (words, done.stderr))

    def test_what_is_loaded_and_what_is_checked_in_one_round(self):
        path = self.folder / "postroad.toml"
        path.write_text('[server]\nhostnam = "x"\nusers = "/nowhere/users"\n[limits]\nerrors = "many"\n[[listener]]\nport = 70000\naddress = "nowhere"\n'
                        f'[log]\nfile = "{self.folder}"\n')
        for verb in (("config", "check", "--offline"), ("serve",)):
            done = postroad.run(*verb, "--config", path)
            self.assertEqual(done.returncode, 78)
            for pattern in (r"toml:2:1: unknown key server\.hostnam", r"toml:3: server\.users: /nowhere/users", r"toml:5:10: limits\.errors",
                            r"toml:7:8: listener\.port = 70000", r"toml:8: listener\.address: 'nowhere' is not"):
                self.assertEqual(len([line for line in done.stderr.splitlines() if re.search(pattern, line)]), 1, (pattern, done.stderr))
            errors = [line for line in done.stderr.splitlines() if ": warning: " not in line]
            # Only the check looks at the log file; the server opens it when all else is right.
            self.assertEqual(len(errors), 6 if verb[0] == "config" else 5, done.stderr)

    def test_a_folder_and_an_empty_file(self):
        empty = self.folder / "empty.toml"
        empty.write_text("")
        done = postroad.run("config", "show", "--config", empty)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for path, why in ((self.folder, "it is a folder; name a file"), (self.folder / "none", "No such file or directory")):
            done = postroad.run("config", "check", "--config", path)
            self.assertEqual(done.returncode, 78)
            self.assertEqual(done.stderr, f"postroad config check: {path}: the configuration cannot be read: {why}\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_files_that_the_servers_user_may_not_write(self):
        self.folder.chmod(0o755)
        data, log = self.folder / "data", self.folder / "mail.log"
        (data / "spool").mkdir(parents=True)
        lock = data / "spool" / "lock"
        lock.touch(mode=0o600)
        log.touch(mode=0o644)
        for path in (data, data / "spool"):
            os.chown(path, 65534, 65534)
        done = self.check({"server": {"user": "nobody"}, "log": {"file": log}}, "--offline")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(f"server.data: user 'nobody' may not write {lock}", done.stderr)
        self.assertIn(f"log.file: user 'nobody' may not write {log}", done.stderr)
        for path in (lock, log):
            os.chown(path, 65534, 65534)
        done = self.check({"server": {"user": "nobody"}, "log": {"file": log}}, "--offline")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.check({"log": {"file": self.folder}}, "--offline")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(f"log.file: {self.folder} is a folder; name a file", done.stderr)

    def test_the_data_folder_is_part_of_it(self):
        data = self.folder / "data"
        for part in ("spool", "mail"):
            (data / part).mkdir(parents=True)
        done = self.check({}, "--offline")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipUnless(os.geteuid() == 0 and os.path.isdir("/proc/1"), "needs a folder that even root cannot write")
    def test_a_folder_that_nobody_can_write(self):
        done = self.check({"server": {"data": "/proc/postroad"}}, "--offline")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("server.data: ", done.stderr)

    def test_each_fault_on_its_line(self):
        done = self.check({"server": {"users": self.folder / "missing", "hostname": "-bad-"}, "log": {"file": self.folder / "no" / "x"},
                           **self.listener(certificate=self.folder / "none.pem")}, "--offline")
        self.assertGreaterEqual(len(done.stderr.splitlines()), 4)

    def test_warnings(self):
        short, short_key = self.certificates.make("short", san="DNS:mail.test.example", days=5)
        wrong, wrong_key = self.certificates.make("wrong", san="DNS:elsewhere.example")
        for settings, words in (
                (self.listener(certificate=short, key=short_key), "the certificate expires in"),
                (self.listener(certificate=wrong, key=wrong_key), "is not for mail.test.example"),
                ({"submission": {"senders": ["bob: b@here.example"]}}, "there is no user 'bob'")):
            done = self.check(settings)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("warning: ", done.stderr)
            self.assertIn(words, done.stderr)

    def test_the_own_name(self):
        name = "bücher.example"  # not ASCII: the resolver refuses such a name without a DNS query
        done = self.check({"server": {"hostname": name}, **self.listener(address="0.0.0.0")})
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(f"'{name}' has no address in the DNS", done.stderr)
        self.assertEqual(self.check({"server": {"hostname": name}, **self.listener(address="0.0.0.0")}, "--offline").returncode, 0)

    # --set stands for the default, 2525, which a test cannot rely on.
    def test_a_default_port_is_not_checked_if_the_file_has_errors(self):
        with socket.create_server((postroad.HOST, 0)) as other:
            port = other.getsockname()[1]
            for text, error in (("", None), ("[[listner]]\nport = 0\n", "unknown key listner"), ("[[listener]]\nprot = 0\n", r"unknown key listener\.prot")):
                path = self.folder / "misspelt.toml"
                path.write_text(f'[server]\ndata = "{self.folder}/data"\n{text}')
                done = postroad.run("config", "check", "--config", path, "--offline", "--set", f"listener.0.port={port}")
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertRegex(done.stderr, error or "the port is in use")

    def test_the_port_of_the_running_server_is_no_fault(self):
        with postroad.Server({"listener": [{}]}) as server:
            text = server.config.read_text().replace("port = 0", f"port = {server.port}")
            path = server.folder / "again.toml"
            path.write_text(text)
            done = postroad.run("config", "check", "--config", path, "--offline")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

            with socket.create_server((postroad.HOST, 0)) as other:
                path.write_text(text + f"\n[[listener]]\nport = {other.getsockname()[1]}\n")
                done = postroad.run("config", "check", "--config", path, "--offline")
                self.assertEqual(done.returncode, 78)
                self.assertIn("the port is in use", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_what_the_servers_user_may_not_read(self):
        self.folder.chmod(0o755)
        self.key.chmod(0o600)
        done = self.check({"server": {"user": "nobody"}}, "--offline")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{self.key}: user 'nobody' may not read it, so that every reload will be refused", done.stderr)
        self.assertNotIn(f"{self.certificate}:", done.stderr)
        done = self.check(self.listener(address="0.0.0.0"), "--offline")
        self.assertIn("the server stays root", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user's folder")
    def test_a_folder_of_another_user(self):
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        (data / "mail").mkdir()
        done = self.check({"server": {"user": "nobody"}}, "--offline")
        self.assertEqual(done.returncode, 78)
        self.assertIn("may not write in", done.stderr)
        data.chmod(0o777)
        (data / "mail").chmod(0o700)
        done = self.check({"server": {"user": "nobody"}}, "--offline")
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"may not write in {data / 'mail'}", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
