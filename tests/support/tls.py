"""Certificates for loopback servers, signed by a CA that nobody knows (made by `openssl`)."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
_LOOPBACK = "IP:127.0.0.1, DNS:localhost"


@dataclass(frozen=True)
class Authority:
    """A CA in a directory of its own; `bundle` is what a client has to trust."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> Authority:
        authority = cls(directory)
        authority._request("authority", "-x509 -days 1 -extensions authority", "pem")
        return authority

    @property
    def bundle(self) -> Path:
        return self.directory / "authority.pem"

    def server(self, names: str = _LOOPBACK, *, expired: bool = False) -> ssl.SSLContext:
        """What a server of these names (as in subjectAltName) speaks TLS with."""
        self._request("server", "", "csr", names)
        self._openssl(
            "x509 -req -in server.csr -out server.pem -extfile openssl.cnf -extensions server"
            " -CA authority.pem -CAkey authority.key -CAcreateserial"
            f" -days {-1 if expired else 1}"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "server.pem", self.directory / "server.key")
        return context

    def _request(self, who: str, options: str, kind: str, names: str = _LOOPBACK) -> None:
        (self.directory / "openssl.cnf").write_text(_CONFIG.format(names=names))
        self._openssl(
            "req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            f" -subj /CN={who} -keyout {who}.key -out {who}.{kind} {options}"
        )

    def _openssl(self, arguments: str) -> None:
        command = ["openssl", *arguments.split()]
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory)
