# The authentication services that a Postfix asks: Cyrus SASL with its own users, and Dovecot with only its auth service. Each
# provides the `settings` and `files` that make peers.Postfix use it.
import base64
import contextlib
import hmac
import json
import os
import subprocess
import time
import unittest

import postroad
from postroad import HOST, PATIENCE, need_program, run_program


class CyrusSasl(contextlib.AbstractContextManager):
    """Users in a sasldb of their own; `settings` and `files` make Postfix ask Cyrus SASL about them."""

    REALM = "sasl.example"

    def __init__(self, users, mechanisms):
        program = need_program("saslpasswd2")
        self.folder = postroad.Folder()
        root = self.folder.path
        root.chmod(0o755)
        database = root / "sasldb2"
        for user, password in users.items():
            done = run_program(program, "-p", "-c", "-f", database, "-u", self.REALM, user, input=password)
            if done.returncode != 0:
                self.folder.__exit__()
                raise AssertionError(f"saslpasswd2: {done.stderr}")
        database.chmod(0o644)
        # Debian's Postfix looks for the file only in sasl/ of its configuration folder.
        self.files = {"sasl/smtpd.conf": f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: {' '.join(mechanisms)}\n"}
        self.settings = (f"smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\n"
                         f"smtpd_sasl_local_domain = {self.REALM}\nsmtpd_tls_auth_only = yes\n")

    def __exit__(self, *_):
        self.folder.__exit__()


class DovecotAuth(contextlib.AbstractContextManager):
    """Dovecot with nothing but its auth service, on a socket in a temporary folder; `settings` make Postfix ask it.
    XOAUTH2 and OAUTHBEARER take a token that `token` made."""

    def __init__(self, users, mechanisms):
        if os.geteuid() != 0:
            raise unittest.SkipTest("Dovecot starts as root only")
        program = need_program("dovecot")
        self.folder = postroad.Folder()
        root = self.folder.path
        root.chmod(0o755)
        (root / "run").mkdir()
        self.folder.write("passwords", "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items()))
        config = self.folder.write("dovecot.conf", f"""\
protocols =
listen = {HOST}
ssl = no
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log
auth_mechanisms = {' '.join(one.lower() for one in mechanisms)}
auth_username_chars =
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  args = {root}/passwords
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {root}/auth {{
    mode = 0666
  }}
}}
""")
        self.secret = os.urandom(32)
        (root / "keys/default/HS256").mkdir(parents=True)
        self.folder.write("keys/default/HS256/default", base64.b64encode(self.secret))
        self.folder.write("oauth2.conf", f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={root}/keys/\nusername_attribute = sub\n")
        self.files = {}
        self.settings = f"smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {root}/auth\nsmtpd_tls_auth_only = yes\n"
        self.process = subprocess.Popen([program, "-F", "-c", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            postroad.eventually((root / "auth").is_socket, self.process, "Dovecot listens")
        except BaseException:
            self.__exit__()
            raise

    def token(self, user, lifetime=600):
        """A JSON web token (RFC 7519) that says who its bearer is."""
        def part(octets):
            return base64.urlsafe_b64encode(octets).rstrip(b"=")
        now = int(time.time())
        said = {"sub": user, "iat": now - 60, "exp": now + lifetime}
        signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(said).encode())
        return (signed + b"." + part(hmac.digest(self.secret, signed, "sha256"))).decode()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stderr.close()
        self.folder.__exit__()
