"""Keys and certificates that openssl makes for the tests."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path


def openssl(*words: str, given: bytes = b"") -> bytes:
    """Run openssl. Return its standard output."""
    done = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@functools.cache
def rsa_key(bits: int = 2_048) -> bytes:
    """Return an RSA key in PEM, always the same one."""
    return openssl("genrsa", str(bits))


@functools.cache
def ec_key(number: int = 1, curve: str = "prime256v1") -> bytes:
    """Return an EC key in PEM, for each number another one."""
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")


class Authority:
    """A certification authority with an intermediate one, which signs requests. `root` is the file to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = self._file("root.pem", b"")
        key = self._file("root.key", ec_key(100))
        self.root.write_bytes(openssl("req", "-x509", "-key", str(key), "-subj", "/O=Thawte/CN=Test Root"))
        self._key = self._file("intermediate.key", ec_key(101))
        request = openssl("req", "-new", "-key", str(self._key), "-subj", "/O=Thawte/CN=Test CA")
        self.intermediate = self._file(
            "intermediate.pem", self._sign(request, self.root, key, "basicConstraints=CA:TRUE")
        )

    def sign(self, request: bytes, *options: str) -> bytes:
        """Return the certificate for a signing request, both PEM. The names come from the request."""
        return self._sign(request, self.intermediate, self._key, "basicConstraints=CA:FALSE", *options)

    def _sign(self, request: bytes, issuer: Path, key: Path, extension: str, *options: str) -> bytes:
        extensions = self._file("extensions", extension.encode())
        signing = ["x509", "-req", "-CA", str(issuer), "-CAkey", str(key), "-extfile", str(extensions)]
        return openssl(*signing, "-copy_extensions", "copy", *options, given=request)

    def _file(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


def s_client(port: int, *options: str, host: str = "127.0.0.1") -> str:
    """Connect with openssl, wait for the greeting, and quit. Return everything that openssl shows."""
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        shown = ""
        for line in client.stdout:
            shown += line
            if line.startswith(("+OK", "* OK", "220 ")):
                client.stdin.close()
        return shown
