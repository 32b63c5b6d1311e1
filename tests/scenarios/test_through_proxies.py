# `postroad send --proxy`: through a SOCKS5 proxy and by HTTP CONNECT, with and without a login; refusals, delays and malformed
# replies of a proxy; and TLS is verified against the name of the far host, which only the proxy resolves.
import base64
import contextlib
import select
import socket
import struct
import unittest

import by_hand
from certificates import Certificates
import postroad

USER, PASSWORD = "ann", "s3cr3t-at-the-proxy"
FAR = "mail.far.example"  # a name that only the proxy can resolve


class Proxy(by_hand.FakeServer):
    """Relays bytes to `port` on this host, whichever host is requested. `login`: USER and PASSWORD are required. `mood` is a script
    that gets the connection instead."""

    def __init__(self, kind, port=None, login=False, mood=None, code=None, first=b""):
        self.kind, self.target, self.login, self.mood, self.code, self.first = kind, port, login, mood, code, first
        self.asked, self.logins = [], []
        super().__init__(lambda peer: self.serve(peer.socket))

    def serve(self, connection):
        if self.mood:
            self.mood(connection)
        elif self.socks(connection) if self.kind == "socks5" else self.http(connection):
            self.carry(connection)

    @staticmethod
    def take(connection, count):
        octets = b""
        while len(octets) < count:
            more = connection.recv(count - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets

    def socks(self, connection):
        version, count = self.take(connection, 2)
        methods = self.take(connection, count)
        wanted = 2 if self.login else 0
        if version != 5 or wanted not in methods:
            connection.sendall(b"\x05\xff")
            return False
        connection.sendall(bytes([5, wanted]))
        if self.login:
            _, length = self.take(connection, 2)
            user = self.take(connection, length).decode()
            password = self.take(connection, self.take(connection, 1)[0]).decode()
            self.logins.append((user, password))
            right = (user, password) == (USER, PASSWORD)
            connection.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return False
        _, _, _, kind = self.take(connection, 4)
        host = (socket.inet_ntop(socket.AF_INET, self.take(connection, 4)) if kind == 1 else
                socket.inet_ntop(socket.AF_INET6, self.take(connection, 16)) if kind == 4 else self.take(connection, self.take(connection, 1)[0]).decode())
        self.asked.append((host, struct.unpack(">H", self.take(connection, 2))[0]))
        connection.sendall(bytes([5, self.code or 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        return not self.code

    def http(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.take(connection, 1)
        lines = head.decode().split("\r\n")
        host, port = lines[0].split(" ")[1].rsplit(":", 1)
        self.asked.append((host, int(port)))
        told = [base64.b64decode(line.split(" ")[-1]).decode().split(":", 1) for line in lines if line.lower().startswith("proxy-authorization: basic ")]
        self.logins += [tuple(one) for one in told]
        code = self.code or (407 if self.login and [[USER, PASSWORD]] != told else 200)
        words = {200: "Connection established", 407: "Proxy Authentication Required", 403: "Forbidden by policy", 502: "Bad Gateway"}[code]
        connection.sendall(f"HTTP/1.1 {code} {words}\r\nProxy-Agent: test\r\n\r\n".encode() + self.first)
        return code == 200

    def carry(self, connection):
        with socket.create_connection((postroad.HOST, self.target)) as far:
            pair = {connection: far, far: connection}
            while True:
                for ready in select.select(list(pair), [], [], postroad.PATIENCE)[0]:
                    octets = ready.recv(65536)
                    if not octets:
                        return
                    pair[ready].sendall(octets)

    def __exit__(self, *rest):
        for peer in self.peers:  # where it stalls
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        super().__exit__(*rest)


class ThroughProxies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(postroad.Folder()).path
        cls.certificates = Certificates(folder)
        certificate, key = cls.certificates.make("server", san=f"DNS:{FAR},IP:192.0.2.7,IP:2001:db8::7")
        tls = {"certificate": certificate, "key": key}
        cls.server = postroad.Server({"listener": [{"tls": "offered", **tls}, {"tls": "implicit", **tls}]}, folder=folder)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def send(self, proxy, *flags, host=FAR, scheme="smtp", login="", kind=None):
        done = postroad.run("send", "--server", f"{scheme}://{host}:2525", "--ca-file", self.certificates.ca, "--proxy", f"{kind or proxy.kind}://{login}127.0.0.1:{proxy.port}",
                            "--from", "a@client.example", "--to", "b@x.example", "--text", "hi", *flags)
        for form in postroad.encodings_of_secret(USER, PASSWORD) | {base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode().rstrip("=")}:
            self.assertNotIn(form, done.stdout + done.stderr)
        return done

    def proxy(self, kind, port=0, **how):
        return self.enterContext(Proxy(kind, self.server.ports[port], **how))

    def refused(self, done, *words, code=75):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r"127\.0\.0\.1:\d+ PROXY: ")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_mail_goes_through_and_the_name_is_the_proxys_to_resolve(self):
        for kind in ("socks5", "http"):
            for host in (FAR, "192.0.2.7", "[2001:db8::7]"):
                for scheme, port in (("smtp", 0), ("smtps", 1)):
                    with self.subTest(kind=kind, host=host, scheme=scheme):
                        proxy = self.proxy(kind, port)
                        done = self.send(proxy, "--trace", "--require-tls", host=host, scheme=scheme)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        self.assertEqual(proxy.asked, [(host if kind == "http" else host.strip("[]"), 2525)])
                        self.assertIn(f"through the proxy 127.0.0.1:{proxy.port}", done.stderr)
        self.assertTrue(all(e["tls"].startswith("TLS") for e in self.server.events("message.accepted")))

    # The proxy could read and change everything, so the certificate of far.example is verified as without a proxy.
    def test_tls_is_checked_against_the_far_host(self):
        for kind in ("socks5", "http"):
            for scheme, port in (("smtp", 0), ("smtps", 1)):
                for host in ("other.far.example", "127.0.0.1", "localhost"):
                    proxy = self.proxy(kind, port)
                    done = self.send(proxy, "--require-tls", host=host, scheme=scheme)
                    self.assertEqual(done.returncode, 77, (kind, scheme, host, done.stderr))
                    self.assertIn(f"certificate is not for {host}", done.stderr)

    def test_with_a_login(self):
        for kind in ("socks5", "http"):
            proxy = self.proxy(kind, login=True)
            done = self.send(proxy, "--trace", login=f"{USER}:{PASSWORD}@")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(proxy.logins, [(USER, PASSWORD)])

    def test_a_wrong_login_or_none(self):
        for kind, words in (("socks5", "refused the user or the password"), ("http", "407 Proxy Authentication Required")):
            proxy = self.proxy(kind, login=True)
            self.refused(self.send(proxy, "--trace", login=f"{USER}:almost@"), words)
        for kind, words in (("socks5", "the proxy requires a user and a password"), ("http", "407 Proxy Authentication Required")):
            proxy = self.proxy(kind, login=True)
            self.refused(self.send(proxy), words)
            self.assertEqual(proxy.logins, [])

    def test_what_a_proxy_refuses(self):
        for code, words in ((1, "the proxy failed"), (2, "rules do not allow it"), (4, "the host cannot be reached"), (5, "the connection was refused"), (6, "TTL expired")):
            self.refused(self.send(self.proxy("socks5", code=code)), words)
        for code, words in ((403, "403 Forbidden by policy"), (502, "502 Bad Gateway")):
            self.refused(self.send(self.proxy("http", code=code)), words)

    def test_a_proxy_that_closes_or_speaks_something_else(self):
        for kind in ("socks5", "http"):
            self.refused(self.send(self.proxy(kind, mood=lambda c: None)))
            self.refused(self.send(self.proxy(kind, mood=lambda c: c.recv(10))))
            self.refused(self.send(self.proxy(kind, mood=lambda c: c.sendall(b"220 mail.example ESMTP\r\n\r\n") or c.recv(1000) or c.recv(1))), "the proxy")
        # Each waits for the other.
        self.refused(self.send(self.proxy("http"), "--timeout", "1s", kind="socks5"))
        self.refused(self.send(self.proxy("socks5"), "--timeout", "1s", kind="http"))

    def test_a_proxy_that_never_answers_or_never_ends(self):
        for kind in ("socks5", "http"):
            proxy = self.proxy(kind, mood=lambda c: [c.recv(1000) for _ in iter(lambda: c.recv(1000), b"")])
            self.refused(self.send(proxy, "--timeout", "1s"), "no answer in time")

        def endless(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x" * 4096)
        self.refused(self.send(self.proxy("http", mood=endless)), "reply is too long")

    def test_nobody_at_the_proxys_port(self):
        with Proxy("socks5") as gone:
            pass
        self.refused(self.send(gone))
        self.assertEqual(self.send(gone, kind="ftp").returncode, 64)

    # The server's greeting arrives together with the proxy's reply: no byte is lost.
    def test_a_greeting_in_the_proxys_packet(self):
        def script(peer):
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            proxy = self.enterContext(Proxy("http", fake.port, first=b"220 fake.example ESMTP\r\n"))
            done = self.send(proxy)
            self.assertEqual(done.returncode, 0, done.stderr)

    # Data that a proxy (or an attacker behind it) sends before TLS is not a reply inside TLS.
    def test_words_in_the_packet_before_tls_are_not_believed(self):
        def script(peer):
            by_hand.converse(peer)
        with by_hand.FakeServer(script) as fake:
            proxy = self.enterContext(Proxy("http", fake.port, first=b"220 fake.example ESMTP\r\n"))
            done = self.send(proxy, scheme="smtps")
            self.assertNotEqual(done.returncode, 0)
            self.assertFalse([line for line in fake.heard if line.startswith("MAIL")])

    def test_a_large_mail(self):
        for kind in ("socks5", "http"):
            proxy = self.proxy(kind)
            done = postroad.run("send", "--server", f"smtp://{FAR}:2525", "--ca-file", self.certificates.ca, "--proxy", f"{kind}://127.0.0.1:{proxy.port}",
                                "--from", "a@client.example", "--to", f"{kind}@x.example", "--text", "-", input="\n".join(["x" * 70] * 30000))
            self.assertEqual(done.returncode, 0, done.stderr)
        large = postroad.eventually(lambda: (lambda e: e if len(e) == 2 else None)([e for e in self.server.events("message.accepted") if e["size"] > 2_000_000]))
        self.assertTrue(all(event["tls"].startswith("TLS") for event in large))


if __name__ == "__main__":
    unittest.main(verbosity=2)
