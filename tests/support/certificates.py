# Certificates for the Python tests: a CA of our own and what it signs, by the openssl command; and TLS contexts of Python's ssl for
# the end that a test plays. The certificates of the C++ tests are in src/net/testing.
import base64
import pathlib
import ssl
import subprocess

from postroad import need_program, run_program

# Keys, as `openssl req -newkey` takes them.
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
RSA = ("rsa:2048",)


class Certificates:
    """A CA of our own and server certificates, made by the openssl command in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", *EC, "-nodes", "-days", "30",
                      "-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign,cRLSign",
                      "-keyout", "ca.key", "-out", "ca.pem")

    def _openssl(self, *arguments):
        done = run_program(need_program("openssl"), *arguments, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")

    def make(self, name, san="DNS:localhost,IP:127.0.0.1", days=30, signed_by_ca=True, new_key=EC):
        """(certificate, key) of a certificate that is valid for `days` from now on."""
        key, request, certificate = f"{name}.key", f"{name}.csr", f"{name}.pem"
        self._request(name, san, new_key)
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"] if signed_by_ca else ["-signkey", key]
        self._openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-extfile", f"{name}.ext", "-out", certificate)
        return self.folder / certificate, self.folder / key

    def expired(self, name="expired", san="DNS:localhost,IP:127.0.0.1"):
        """(certificate, key) of a certificate that was valid for one day. `openssl x509 -days` takes no negative number since
        OpenSSL 3.5, so `openssl ca` signs it."""
        self._request(name, san)
        (self.folder / f"{name}.index").write_text("")
        (self.folder / f"{name}.cnf").write_text(f"[ca]\ndefault_ca=past\n[past]\ndatabase={name}.index\nserial={name}.serial\nnew_certs_dir=.\n"
                                                 "policy=any\ndefault_md=sha256\n[any]\ncommonName=supplied\n")
        self._openssl("ca", "-batch", "-notext", "-config", f"{name}.cnf", "-create_serial", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
                      "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _request(self, name, san, new_key=EC):
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={san}\nbasicConstraints=CA:FALSE\n")
        self._openssl("req", "-newkey", *new_key, "-nodes", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def pin_of(certificate):
    """The pin of its public key, as RFC 7469 has it, by the openssl command."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, stdout=subprocess.PIPE).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], check=True, input=key, stdout=subprocess.PIPE).stdout
    return "sha256:" + base64.b64encode(subprocess.run(["openssl", "dgst", "-sha256", "-binary"], check=True, input=der, stdout=subprocess.PIPE).stdout).decode()


def client_context(ca):
    return ssl.create_default_context(cafile=str(ca))
