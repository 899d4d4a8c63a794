"""No telemetry, no look-up: the demo runs with every socket refused that is not loopback, and never asks for one.

The story with an exchange inside, the one that does most, with few members, to keep the suite quick.
"""

import subprocess
import sys
from pathlib import Path

WATCH = """
import socket, sys
asked = []
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
def refuse(what):
    def refused(*arguments, **_):
        target = next((a for a in arguments if isinstance(a, (str, tuple))), "")
        host = target[0] if isinstance(target, tuple) else target
        if host in LOOPBACK:
            return original[what](*arguments, **_)
        asked.append(f"{what} {host}")
        raise OSError(f"{what} {host} refused")
    return refused
original = {"getaddrinfo": socket.getaddrinfo, "gethostbyname": socket.gethostbyname, "connect": socket.socket.connect}
socket.getaddrinfo = refuse("getaddrinfo")
socket.gethostbyname = refuse("gethostbyname")
class Watched(socket.socket):
    def connect(self, address):
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            asked.append(f"connect {address}")
            raise OSError("refused")
        return super().connect(address)
socket.socket = Watched
if sys.argv[1:] == ["control"]:
    import urllib.request
    try:
        urllib.request.urlopen("http://flower.example/")
    except OSError:
        pass
else:
    from consent_center.cli.main import run
    from consent_center.demo import departments, departments_story
    departments.SUBSCRIBERS, departments_story.MINIMUM_COHORT = 400, 80
    code = run(["demo", "--data", "departments", "--rounds", "2", "--quiet", "--out", sys.argv[1]])
    assert code == 0, code
    import time; time.sleep(1)
print("ASKED", asked)
"""


def _watched(argument: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WATCH, argument], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_the_demo_asks_for_no_host(tmp_path: Path) -> None:
    assert _watched(str(tmp_path / "out")) == "ASKED []"


def test_the_watch_would_have_seen_a_look_up() -> None:
    assert "flower.example" in _watched("control")
