"""`python -m consent_center.topology.probe WHERE [AUTHORITY]`: is a service well? Exit code 0 yes, 1 no.

    https://host:port/path    answers 200 over TLS
    tls://host:port           completes a TLS handshake
    unix:///path              accepts a connection
    file:///path              is there

The certificate is checked against AUTHORITY, a PEM file. Needs the standard library only, so that a health check costs
little.
"""

import http.client
import socket
import ssl
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 5.0


def well(where: str, authority: str = "") -> bool:
    """Is it well?

    Args:
        where: see above.
        authority: path of the authority's certificate; needed for https and tls.
    """
    parts = urlsplit(where)
    try:
        match parts.scheme:
            case "file":
                return Path(parts.path).exists()
            case "unix":
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                    line.settimeout(TIMEOUT_S)
                    line.connect(parts.path)
                return True
            case "tls":
                address = (parts.hostname or "", parts.port or 0)
                with (
                    socket.create_connection(address, TIMEOUT_S) as plain,
                    _trusting(authority).wrap_socket(plain, server_hostname=parts.hostname),
                ):
                    return True
            case "https":
                asked = f"{parts.path}?{parts.query}" if parts.query else parts.path
                return _answers(parts.hostname or "", parts.port, asked, authority)
            case _:
                return False
    except (OSError, http.client.HTTPException):
        return False


def _answers(host: str, port: int | None, path: str, authority: str) -> bool:
    line = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=_trusting(authority))
    try:
        line.request("GET", path)
        return line.getresponse().status == HTTPStatus.OK
    finally:
        line.close()


def _trusting(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


if __name__ == "__main__":
    sys.exit(0 if well(*sys.argv[1:3]) else 1)
