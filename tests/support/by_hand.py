# SMTP sessions played by hand, for situations that no real program produces on demand: a client's end (Session) and a server's
# (FakeServer). The test decides what is sent and when; replies and lines are read whole.
import contextlib
import socket
import ssl
import threading

from postroad import HOST, PATIENCE


class End:
    """Common to both ends: a socket, and `rest`, the bytes that came after the last line."""

    def line(self):
        while b"\n" not in self.rest:
            octets = self.socket.recv(65536)
            if not octets:
                raise EOFError("the peer closed the connection")
            self.rest += octets
        line, self.rest = self.rest.split(b"\n", 1)
        return line.rstrip(b"\r").decode(errors="replace")


class Session(End, contextlib.AbstractContextManager):
    """A raw SMTP session: data is sent unchanged, replies are read whole."""

    def __init__(self, port, greet=True, timeout=PATIENCE, receive_buffer=None, source=None):
        self.socket = socket.socket(socket.AF_INET)
        if source:
            self.socket.bind((source, 0))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((HOST, port))
        self.rest = b""
        self.greeting = self.reply() if greet else None

    def reply(self):
        """All lines of one reply, joined by a line feed."""
        lines = [self.line()]
        while len(lines[-1]) > 3 and lines[-1][3] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def send(self, octets):
        self.socket.sendall(octets.encode() if isinstance(octets, str) else octets)

    def say(self, line):
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def starttls(self, context, name="localhost"):
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def mail(self, sender, recipients, message):
        """A whole transaction; returns the reply to the final dot. `message` is without dot-stuffing, with CRLF."""
        for line in [f"MAIL FROM:<{sender}>"] + [f"RCPT TO:<{one}>" for one in recipients] + ["DATA"]:
            reply = self.say(line)
            if reply[0] not in "23":
                return reply
        self.send(stuffed(message))
        return self.reply()

    def rest_until_end(self):
        """Everything until the server closes."""
        gathered, self.rest = self.rest, b""
        while True:
            try:
                octets = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                octets = b""
            if not octets:
                return gathered.decode(errors="replace")
            gathered += octets

    def __exit__(self, *_):
        self.socket.close()


def stuffed(message):
    """The data after DATA: dots doubled at line starts, the final dot at the end."""
    message = b"\r\n" + message
    return message.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


class Peer(End):
    """One connection of a FakeServer, as its script sees it. `heard` contains everything that was received."""

    def __init__(self, connection):
        self.socket, self.rest, self.heard = connection, b"", []

    def say(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        self.heard.append(super().line())
        return self.heard[-1]

    def text(self):
        """The lines of a message up to the final dot."""
        lines = []
        while True:
            line = self.line()
            if line == ".":
                return lines
            lines.append(line)

    def starttls(self, context):
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class FakeServer(contextlib.AbstractContextManager):
    """Runs `script(peer)` for each connection in a thread, then closes the connection: one after the other, or `together`."""

    def __init__(self, script, address=HOST, port=0, together=False):
        self.script, self.peers, self.together, self.others = script, [], together, []
        self.listener = socket.create_server((address, port), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            peer = Peer(connection)
            self.peers.append(peer)
            if self.together:
                self.others.append(threading.Thread(target=self._run, args=(peer,), daemon=True))
                self.others[-1].start()
            else:
                self._run(peer)

    def _run(self, peer):
        with contextlib.suppress(EOFError, OSError):
            self.script(peer)
        peer.close()

    @property
    def heard(self):
        return [line for peer in self.peers for line in peer.heard]

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)
        for peer, thread in zip(self.peers, self.others):
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)  # a client may keep an idle connection
            thread.join(PATIENCE)


def plain_server(peer):
    """A script that accepts everything."""
    peer.say("220 fake.example ESMTP\r\n")
    converse(peer)


def converse(peer, ehlo=("fake.example",), until=None, replies=None):
    """Replies as a plain server would. `replies` maps a verb to its reply; before the reply to the verb `until` the script returns."""
    replies = {"MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "DATA": "354 go on", "QUIT": "221 Bye", "RSET": "250 Ok", "NOOP": "250 Ok",
               "HELO": "250 fake.example", **(replies or {})}
    while True:
        line = peer.line()
        verb = line.split(" ")[0].split(":")[0].upper()
        if verb == until:
            return line
        if verb == "EHLO" and "EHLO" not in replies:
            lines = list(ehlo)
            peer.say("".join(f"250-{one}\r\n" for one in lines[:-1]) + f"250 {lines[-1]}\r\n")
            continue
        peer.say(replies.get(verb, "500 what?") + "\r\n")
        if verb == "DATA" and replies["DATA"].startswith("354"):
            peer.text()
            if until == ".":
                return "."
            peer.say(replies.get(".", "250 2.0.0 Ok: taken") + "\r\n")
        if verb == "QUIT":
            return line
