# GNU SASL as the other end of a login: libgsasl by ctypes, as the server of a mechanism, and the program's --smtp client. Also
# openssl s_server as a TLS server with known channel binding, which Python's ssl module does not reveal.
import base64
import contextlib
import ctypes
import ctypes.util
import os
import select
import subprocess

import by_hand
import postroad
from postroad import HOST, PATIENCE, need_program

# gsasl.h
OK, NEEDS_MORE, NO_CALLBACK, AUTHENTICATION_ERROR = 0, 1, 51, 31
AUTHID, AUTHZID, PASSWORD, CB_TLS_EXPORTER, VALIDATE_SIMPLE, VALIDATE_EXTERNAL = 1, 2, 3, 25, 500, 501
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


def library():
    name = ctypes.util.find_library("gsasl") or "libgsasl.so.18"
    try:
        found = ctypes.CDLL(name)
    except OSError:
        postroad.missing("libgsasl is missing: ./dev setup installs gsasl")
    found.gsasl_property_fast.restype = ctypes.c_char_p
    found.gsasl_strerror_name.restype = ctypes.c_char_p
    found.gsasl_free.argtypes = [ctypes.c_void_p]
    for function in (found.gsasl_property_fast, found.gsasl_property_set):
        function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p][:3 if function is found.gsasl_property_set else 2]
    found.gsasl_step64.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
    found.gsasl_finish.argtypes = [ctypes.c_void_p]
    found.gsasl_done.argtypes = [ctypes.c_void_p]
    found.gsasl_callback_set.argtypes = [ctypes.c_void_p, CALLBACK]
    found.gsasl_server_start.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
    return found


class Server(contextlib.AbstractContextManager):
    """The server's end of one exchange. `users` holds passwords; `exporter` is the connection's tls-exporter, if known."""

    def __init__(self, mechanism, users, exporter=None):
        self.lib, self.users, self.exporter = library(), users, exporter
        self.context, self.session, self.user = ctypes.c_void_p(), ctypes.c_void_p(), None
        self.callback = CALLBACK(self._callback)  # kept: the library holds no reference
        if self.lib.gsasl_init(ctypes.byref(self.context)) != OK:
            raise AssertionError("gsasl_init failed")
        self.lib.gsasl_callback_set(self.context, self.callback)
        code = self.lib.gsasl_server_start(self.context, mechanism.encode(), ctypes.byref(self.session))
        if code != OK:
            raise AssertionError(f"gsasl knows no {mechanism}: {self._name(code)}")

    def _name(self, code):
        return self.lib.gsasl_strerror_name(code).decode()

    def _callback(self, _context, session, what):
        self.user = (self.lib.gsasl_property_fast(session, AUTHID) or b"").decode()
        password = self.users.get(self.user)
        if what == PASSWORD and password is not None:
            self.lib.gsasl_property_set(session, PASSWORD, password.encode())
            return OK
        if what == VALIDATE_SIMPLE:
            given = (self.lib.gsasl_property_fast(session, PASSWORD) or b"").decode()
            return OK if given == password else AUTHENTICATION_ERROR
        if what == VALIDATE_EXTERNAL:  # the only key of `users` is the name in the certificate
            asked = (self.lib.gsasl_property_fast(session, AUTHZID) or b"").decode()
            return OK if asked in ("", *self.users) else AUTHENTICATION_ERROR
        if what == CB_TLS_EXPORTER and self.exporter:
            self.lib.gsasl_property_set(session, CB_TLS_EXPORTER, base64.b64encode(self.exporter))
            return OK
        return NO_CALLBACK

    def step(self, text):
        """(code, answer), both strings in base64; `text` None to begin without an initial response."""
        answer = ctypes.c_void_p()
        code = self.lib.gsasl_step64(self.session, None if text is None else text.encode(), ctypes.byref(answer))
        said = ctypes.string_at(answer).decode() if answer else ""
        self.lib.gsasl_free(answer)
        return code, said

    def serve(self, peer, line):
        """AUTH of an SMTP session whose first line has arrived; returns the code of the last step."""
        words = line.split(" ")
        initial = words[2] if len(words) > 2 else None
        first = {"LOGIN", "CRAM-MD5"}.isdisjoint([words[1]])  # whether the client sends first
        if initial is None and first:
            peer.say("334 \r\n")
            initial = peer.line()
        code, said = self.step("" if initial == "=" else initial)
        while code == NEEDS_MORE:
            peer.say(f"334 {said}\r\n")
            answer = peer.line()
            if answer == "*":
                peer.say("501 5.7.0 cancelled\r\n")
                return AUTHENTICATION_ERROR
            code, said = self.step(answer)
        if code == OK and said:  # the server's own proof
            peer.say(f"334 {said}\r\n")
            if peer.line() != "":
                code = AUTHENTICATION_ERROR
        peer.say("235 2.7.0 in\r\n" if code == OK else f"535 5.7.8 {self._name(code)}\r\n")
        return code

    def __exit__(self, *_):
        self.lib.gsasl_finish(self.session)
        self.lib.gsasl_done(self.context)


class _Pipes:
    """The part of a socket that Peer uses, over a process's standard input and output."""

    def __init__(self, process):
        self.process = process

    def recv(self, count):
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError("openssl s_server is silent")
        return os.read(self.process.stdout.fileno(), count)

    def sendall(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()


class ExportingServer(contextlib.AbstractContextManager):
    """openssl s_server for one connection with implicit TLS. `accept()` gives a Peer and the connection's tls-exporter (RFC 9266)."""

    def __init__(self, certificate, key):
        self.process = subprocess.Popen(
            [need_program("openssl"), "s_server", "-accept", f"{HOST}:0", "-naccept", "1", "-cert", certificate, "-key", key, "-tls1_3",
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, env=postroad.CLEAN)
        self.peer = by_hand.Peer(_Pipes(self.process))
        self.port = int(self._line("ACCEPT ").rsplit(":", 1)[1])

    def _line(self, beginning):
        while True:
            line = self.peer.line().strip()
            if line.startswith(beginning):
                return line

    def accept(self):
        exporter = bytes.fromhex(self._line("Keying material: ").split()[2])
        self.peer.heard.clear()
        return self.peer, exporter

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()
