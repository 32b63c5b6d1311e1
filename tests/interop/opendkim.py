# libopendkim by ctypes: signs and verifies with keys from a file in place of the DNS.
import contextlib
import ctypes
import ctypes.util

import postroad

# dkim.h
SETOPT, QUERYMETHOD, QUERYINFO, QUERY_FILE = 1, 6, 7, 1
RSASHA256, ED25519SHA256 = 1, 2
FORMS = {"simple": 0, "relaxed": 1}
OK = 0


def library():
    try:
        lib = ctypes.CDLL(ctypes.util.find_library("opendkim") or "libopendkim.so.11")
    except OSError:
        postroad.missing("libopendkim is missing: ./dev setup installs libopendkim11")
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    lib.dkim_init.restype = pointer
    lib.dkim_init.argtypes = [pointer, pointer]
    lib.dkim_options.argtypes = [pointer, ctypes.c_int, ctypes.c_int, pointer, size]
    lib.dkim_sign.restype = pointer
    lib.dkim_sign.argtypes = [pointer, text, pointer, text, text, text, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ssize_t,
                              ctypes.POINTER(ctypes.c_int)]
    lib.dkim_verify.restype = pointer
    lib.dkim_verify.argtypes = [pointer, text, pointer, ctypes.POINTER(ctypes.c_int)]
    lib.dkim_chunk.argtypes = [pointer, text, size]
    lib.dkim_eom.argtypes = [pointer, ctypes.POINTER(ctypes.c_bool)]
    lib.dkim_getsighdr_d.argtypes = [pointer, size, ctypes.POINTER(pointer), ctypes.POINTER(size)]
    lib.dkim_free.argtypes = [pointer]
    lib.dkim_close.argtypes = [pointer]
    lib.dkim_getresultstr.argtypes = [ctypes.c_int]
    lib.dkim_getresultstr.restype = text
    return lib


class OpenDkim(contextlib.AbstractContextManager):
    """`keys` is a file of lines `selector._domainkey.domain record`."""

    def __init__(self, keys):
        self.lib = library()
        self.handle = self.lib.dkim_init(None, None)
        method, path = ctypes.c_int(QUERY_FILE), str(keys).encode()
        for option, value, size in ((QUERYMETHOD, ctypes.byref(method), ctypes.sizeof(method)), (QUERYINFO, path, len(path) + 1)):
            if self.lib.dkim_options(self.handle, SETOPT, option, ctypes.cast(value, ctypes.c_void_p), size) != OK:
                raise AssertionError("dkim_options failed")

    def _words(self, code):
        return self.lib.dkim_getresultstr(code).decode()

    def _feed(self, dkim, message):
        for octets in (message, None):
            code = self.lib.dkim_chunk(dkim, octets, len(octets or b""))
            if code != OK:
                return code
        return self.lib.dkim_eom(dkim, None)

    def verify(self, message):
        """The library's word for a result: "Success", "Bad signature", …"""
        code = ctypes.c_int()
        dkim = self.lib.dkim_verify(self.handle, b"id", None, ctypes.byref(code))
        try:
            return self._words(self._feed(dkim, message))
        finally:
            self.lib.dkim_free(dkim)

    def sign(self, message, pem, selector, domain, algorithm, header, body):
        """The message with its signature prepended."""
        code = ctypes.c_int()
        dkim = self.lib.dkim_sign(self.handle, b"id", None, pem, selector.encode(), domain.encode(), FORMS[header], FORMS[body],
                                  RSASHA256 if algorithm == "rsa-sha256" else ED25519SHA256, -1, ctypes.byref(code))
        try:
            done = self._feed(dkim, message)
            text, size = ctypes.c_void_p(), ctypes.c_size_t()
            if done == OK:
                done = self.lib.dkim_getsighdr_d(dkim, len("DKIM-Signature: "), ctypes.byref(text), ctypes.byref(size))
            if done != OK:
                raise AssertionError(f"libopendkim did not sign: {self._words(done)}")
            field = ctypes.string_at(text, size.value)
            return b"DKIM-Signature: " + field.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n" + message
        finally:
            self.lib.dkim_free(dkim)

    def __exit__(self, *_):
        self.lib.dkim_close(self.handle)
