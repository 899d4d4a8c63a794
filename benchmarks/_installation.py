"""A whole installation on this machine, as `make up` starts it, for a benchmark: a folder and ports of its own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.topology.state import Installation, read_installation
from consent_center.topology.visiting import sign_in_link
from privacy.keys import read_root_key

STUDY = "churn-2026-11"


@contextmanager
def installation(
    name: str, *, data: str, runs: int, ports_from: int, rounds: int | None = None
) -> Iterator[Installation]:
    """An installation that is well; stopped and removed at the end."""
    folder = Path("var") / name
    options = ["--folder", str(folder), "--data", data, "--runs", str(runs), "--ports-from", str(ports_from)]
    accord("down", "--folder", str(folder), quiet=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        accord("up", *options, *(["--rounds", str(rounds)] if rounds else []), quiet=True)
        yield read_installation(folder)
    finally:
        accord("down", "--folder", str(folder), quiet=True)
    shutil.rmtree(folder, ignore_errors=True)


def accord(*arguments: str, quiet: bool = False, fine: tuple[int, ...] = (0,)) -> str:
    """Run one command and return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "consent_center.cli", *arguments], capture_output=True, text=True, check=False
    )
    if not quiet:
        print(done.stdout, file=sys.stderr)
    if done.returncode not in fine:
        raise RuntimeError(f"accord {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def opened(made: Installation) -> Store:
    """The consent centre's store."""
    return Store.open(made.place.database(), keys=read_root_key(Path(made.place.secret("root.key"))), create=False)


class Portal:
    """A member's browser: real requests to the portal over TLS, through the forms of its pages.

    Args:
        made: where.
        member: who signs in.
    """

    def __init__(self, made: Installation, member: str) -> None:
        self._client = httpx.Client(
            verify=str(made.folder / "secrets" / "ca.crt"), trust_env=False, follow_redirects=True, timeout=30
        )
        self._origin = made.address("consent-centre", "web")
        self._client.headers.update({"sec-fetch-site": "same-origin", "origin": self._origin})
        link = sign_in_link(made, member=member, at=clock())
        path = link.removeprefix(self._origin)
        self._submit(self._get(path), path.partition("?")[0])

    def prepare_withdrawal(self, item: str) -> httpx.Response:
        """The page on which she confirms that she takes back an item."""
        return self._submit(self._get(item), f"{item}/answer", say="refuse")

    def confirm(self, check: httpx.Response, item: str) -> httpx.Response:
        """Take it back."""
        button = re.search(r'<button[^>]*name="([^"]+)"[^>]*value="([^"]+)"', _form(check.text, f"{item}/answer"))
        assert button is not None, check.text
        return self._submit(check, f"{item}/answer", **{button[1]: button[2]})

    def close(self) -> None:
        """Close the browser."""
        self._client.close()

    def _get(self, path: str) -> httpx.Response:
        answer = self._client.get(self._origin + path)
        assert answer.is_success, (path, answer.status_code)
        return answer

    def _submit(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        form = _form(page.text, action)
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
        method = re.search(r'method="(\w+)"', form)
        if method is not None and method[1].lower() == "post":
            answer = self._client.post(self._origin + action, data={**hidden, **fields})
        else:
            answer = self._client.get(self._origin + action, params={**hidden, **fields})
        assert answer.is_success, (action, answer.status_code, answer.text[:2000])
        return answer


def _form(html: str, action: str) -> str:
    found = [form for form in re.findall(r"(?s)<form.*?</form>", html) if f'action="{action}"' in form]
    assert found, f"no form for {action}: {re.findall('<form[^>]*>', html)}"
    return str(found[0])
