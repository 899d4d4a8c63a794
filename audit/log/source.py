"""Where a published log is read from: a directory, or an address.

Invariant: only paths that `TileName.path` wrote, or "checkpoint", are asked for; nothing that was read decides a path.
"""

import http.client
import os
import ssl
import stat
import urllib.error
import urllib.request
import zlib
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Protocol

from audit.errors import MissingFileError, UnreadableError

MAX_FILE_SIZE = 256 * (2 + 65_535)
"""Longest file a log can have in bytes: a full bundle of the longest entries."""

MAX_DEPTH = 16
"""Folders below tile/ that are looked into; the tile of the last entry a log can have lies 10 deep."""

TIMEOUT_S = 30.0

_GZIP = 16 + zlib.MAX_WBITS
_SECRET = ("https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:")
"""Addresses to which a token is shown: nobody on the way can read it."""


class Source(Protocol):
    """Where the files of one log are read from."""

    def read(self, path: str) -> bytes:
        """Return a whole file; raise MissingFileError if it is not there, UnreadableError if it cannot be read."""
        ...

    def paths(self) -> list[str]:
        """List every file below tile/, sorted; empty if this kind of source cannot be listed."""
        ...


class DirectorySource:
    """A log copied to a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self, path: str) -> bytes:
        """Return a whole file."""
        try:
            # O_NONBLOCK: a pipe that somebody put in place of a file must not make the verifier wait.
            handle = os.open(f"{self.directory}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFileError(path) from None
        except OSError as failure:
            raise UnreadableError(path, failure.strerror or "input/output error") from None
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise UnreadableError(path, "it is not a file")
            return _bounded(_read_all(handle, min(about.st_size, MAX_FILE_SIZE) + 1), path)
        except OSError as failure:
            raise UnreadableError(path, failure.strerror or "input/output error") from None
        finally:
            os.close(handle)

    def paths(self) -> list[str]:
        """List every file below tile/; a link counts as a file, a folder too deep for any tile too."""
        found: list[str] = []
        waiting = ["tile"]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(f"{self.directory}/{folder}") as listed:
                    for one in listed:
                        path = f"{folder}/{one.name}"
                        inner = one.is_dir(follow_symlinks=False) and path.count("/") < MAX_DEPTH
                        (waiting if inner else found).append(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as failure:
                raise UnreadableError("a folder below tile/", failure.strerror or "input/output error") from None
        return sorted(found)


class UrlSource:
    """A log behind a web address, such as https://accord.example/log."""

    def __init__(self, address: str, *, token: str | None = None) -> None:
        if not address.startswith(("https://", "http://")):
            raise UnreadableError(address, "the address starts neither with https:// nor with http://")
        if token and not address.startswith(_SECRET):
            raise UnreadableError(address, "a token is shown over https:// only")
        self._opener = urllib.request.build_opener(_Redirects())
        self.address = address.rstrip("/")
        self._headers = {"Accept-Encoding": "gzip, identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def read(self, path: str) -> bytes:
        """Return a whole file; what needs a token that was not given counts as missing."""
        place = f"{self.address}/{path}"
        request = urllib.request.Request(place, headers=self._headers)  # noqa: S310 (the scheme is checked above)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read(MAX_FILE_SIZE + 1)
                if answer.headers.get("Content-Encoding") == "gzip":
                    data = _unzipped(data, path)
        except urllib.error.HTTPError as failure:
            with failure:
                if failure.code in (401, 403, 404, 410):
                    raise MissingFileError(path) from None
                raise UnreadableError(place, f"the server answered {failure.code}") from None
        except (OSError, http.client.HTTPException, ssl.SSLError) as failure:
            raise UnreadableError(place, f"no answer ({type(failure).__name__})") from None
        return _bounded(data, path)

    def paths(self) -> list[str]:
        """Return nothing: a web server does not list its files."""
        return []


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server elsewhere, without the token: it was given for one place only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Ask again where the server says."""
        again = super().redirect_request(req, fp, code, msg, headers, newurl)
        if again is not None and (again.type, again.host) != (req.type, req.host):
            again.remove_header("Authorization")
        return again


def _read_all(handle: int, limit: int) -> bytes:
    """Read to the end of the file, or up to the limit."""
    data = os.read(handle, limit)
    while len(data) < limit and (more := os.read(handle, limit - len(data))):
        data += more
    return data


def _unzipped(data: bytes, path: str) -> bytes:
    """Undo gzip, which logs may use without being asked, never beyond the length of a file."""
    try:
        return zlib.decompressobj(_GZIP).decompress(data, MAX_FILE_SIZE + 1)
    except zlib.error:
        raise UnreadableError(path, "it is not the gzip it is said to be") from None


def _bounded(data: bytes, path: str) -> bytes:
    if len(data) > MAX_FILE_SIZE:
        raise UnreadableError(path, f"it is longer than {MAX_FILE_SIZE} bytes, which no file of a log is")
    return data
