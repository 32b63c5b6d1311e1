# A relay whose exchangers have TLS: zones (signed, where wanted), certificates of a CA of our own, and a host for HTTPS.
import contextlib
import hashlib
import http.server
import smtplib
import ssl
import subprocess
import threading
import unittest

import postroad
from certificates import Certificates, server_context
from nsd import SOA, DnsProxy, Nsd, sign
from peers import free_port

ZONE = """
@ IN MX 10 mx
mx IN A 127.0.0.2
"""


def digest_of(certificate, of_key=True):
    """SHA-256 of the certificate's key, or of the certificate, as a TLSA record has it."""
    command = ["openssl", "x509", "-in", str(certificate)]
    if of_key:
        key = subprocess.run([*command, "-pubkey", "-noout"], check=True, stdout=subprocess.PIPE).stdout
        data = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], check=True, input=key, stdout=subprocess.PIPE).stdout
    else:
        data = subprocess.run([*command, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
    return hashlib.sha256(data).hexdigest()


class HttpsHost:
    """An HTTPS server for MTA-STS policies and reports at a loopback address; `answers` by the host's name: (status, type, text); `posted`: (name, path, type, bytes)."""

    def __init__(self, certificate, key, address="127.0.0.9"):
        self.answers, self.asked, self.posted = {}, [], []
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.headers["Host"].split(":")[0]
                host.asked.append((name, self.path))
                status, kind, text = host.answers.get(name, (404, "text/plain", ""))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if status == 301:
                    self.send_header("Location", f"https://{name}/.well-known/mta-sts.txt")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):  # it reads no more than it accepts
                    self.wfile.write(text.encode())

            def do_POST(self):
                name = self.headers["Host"].split(":")[0]
                host.posted.append((name, self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(host.answers.get(name, (200,))[0])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.socket = server_context(certificate, key).wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class TlsRelay(unittest.TestCase):
    """One exchanger at 127.0.0.2 with a certificate of a CA of our own, and a relay that knows the CA and the keys of the zones."""

    @classmethod
    def setUpClass(cls):
        cls.folder = postroad.Folder()
        cls.addClassCleanup(cls.folder.__exit__)
        cls.certificates = Certificates(cls.folder.path)
        cls.certificate, cls.key = cls.certificates.make("mx", san="DNS:mx.plain.example,DNS:mx.sts.example,DNS:mx2.sts.example")
        cls.stranger, cls.stranger_key = cls.certificates.make("stranger", san="DNS:elsewhere.example", signed_by_ca=False)

    def zone(self, name, records="", signed=True, change=None):
        """A zone with one exchanger; `change` edits the signed text."""
        text = SOA.format(zone=name) + ZONE + records
        if not signed:
            self.zones[name] = text
            return
        self.zones[name], key = sign(self.folder, name, text)
        if change:
            self.zones[name] = change(self.zones[name])
        self.anchors.append(key)

    def setUp(self):
        self.port, self.zones, self.anchors, self.listener, self.proxy_for = free_port(), {}, [], {}, None

    def start(self, certificate=None, key=None, **tables):
        self.nsd = server = self.enterContext(Nsd(self.zones))
        if self.proxy_for:
            server = self.proxy = self.enterContext(DnsProxy(self.nsd, self.proxy_for))
        listener = {"address": "127.0.0.2", "port": self.port, "role": "catcher", "smtputf8": True} | self.listener
        if certificate:
            listener |= {"certificate": str(certificate), "key": str(key), "tls": "offered"}
        self.exchanger = self.enterContext(postroad.Server({"listener": [listener]}))
        anchors = self.folder.write(f"anchors.{self.port}", "".join(self.anchors))
        ca = str(self.certificates.ca)
        self.settings = {
            "listener": [{"role": "mx", "relay_from": ["127.0.0.0/8"], "smtputf8": True, "certificate": str(self.certificate), "key": str(self.key), "tls": "offered"}],
            "mx": {"enabled": True, "port": self.port, "allow_networks": ["127.0.0.0/8"]},
            "resolver": {"servers": [server.address.replace("@", ":")]} | ({"trust_anchor_file": str(anchors)} if self.anchors else {}),
            "retry": {"initial_delay": "1h", "first_day_max_delay": "1h"},
            "tls_out": {"ca_file": ca} | tables.pop("tls_out", {}),
        } | tables
        self.relay = self.enterContext(postroad.Server(self.settings))

    def send(self, recipient, header="", options=(), tls=False, asks=()):
        with smtplib.SMTP(postroad.HOST, self.relay.port, timeout=postroad.PATIENCE) as client:
            if tls:
                context = ssl.create_default_context(cafile=str(self.certificates.ca))
                context.check_hostname = False
                client.starttls(context=context)
            client.ehlo()
            client.sendmail("ann@here.example", [recipient], f"{header}Subject: out\r\n\r\nhello\r\n".encode(), mail_options=list(options), rcpt_options=list(asks))

    def event(self, kind, text=""):
        """The first event of this kind with this text."""
        found = []

        def is_there():
            found[:] = [one for one in self.relay.events(kind) if text in str(one)]
            return bool(found)

        postroad.eventually(is_there, what=f"{kind} with '{text}' in {self.relay.events()}")
        return found[0]

    def delivered(self, domain):
        return self.event("recipient.delivered", f"bob@{domain}")

    def deferred(self, domain):
        return self.event("recipient.deferred", f"bob@{domain}")["note"]

    def tlsa(self, certificate, usage=3, selector=1, matching=1, owner="mx"):
        return f"_{self.port}._tcp.{owner} IN TLSA {usage} {selector} {matching} {digest_of(certificate, selector == 1)}\n"

    def policy_host(self, *domains):
        """Policies are fetched from 127.0.0.9; the hosts of these domains have a certificate."""
        san = ",".join(f"DNS:mta-sts.{domain}" for domain in domains)
        certificate, key = self.certificates.make(f"policies.{self.port}", san=san)
        self.policies = self.enterContext(HttpsHost(certificate, key))

    def sts_zone(self, domain, policy, number="1", more=""):
        self.zone(domain, f'_mta-sts IN TXT "v=STSv1; id={number};"\nmta-sts IN A 127.0.0.9\n@ IN MX 20 mx2\nmx2 IN A 127.0.0.2\n{more}', signed=False)
        if policy is not None:
            self.policies.answers[f"mta-sts.{domain}"] = (200, "text/plain; charset=utf-8", policy)

    @staticmethod
    def policy_text(mode="enforce", mx=("mx.sts.example",), age=86400):
        return f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {one}\r\n" for one in mx) + f"max_age: {age}\r\n"

    def start_sts(self, certificate=None, key=None, **tls_out):
        self.start(certificate or self.certificate, key or self.key, tls_out={"sts_port": self.policies.port} | tls_out)
