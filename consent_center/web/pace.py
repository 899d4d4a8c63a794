"""How fast one browser, and one address, may post forms: buckets that hold a minute's worth and refill steadily.

Kept in memory, by each process for itself: it is to slow down a script, not to count exactly.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from consent_center.errors import RuleError

_REMEMBERED = 10_000
_MINUTE_S = 60


class TooFastError(RuleError):
    """More forms came from one place than a person sends.

    Attributes:
        retry_after_s: when the next one is taken.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many forms came from here: wait {retry_after_s} seconds")
        self.retry_after_s = retry_after_s


@dataclass
class Pace:
    """The limit and what was spent of it.

    Attributes:
        browser_a_minute: forms of one browser, known by its cookie.
        address_a_minute: forms of one network address, behind which many members may be.
        seconds: a clock that only goes forward.
    """

    browser_a_minute: int = 120
    address_a_minute: int = 1200
    seconds: Callable[[], float] = time.monotonic
    _spent: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, browser: str | None, address: str) -> None:
        """Let one more form through.

        Args:
            browser: the secret of the browser's cookie, None if it sent none.
            address: where it came from.

        Raises:
            TooFastError: the browser or the address has sent too many.
        """
        self._take(f"address {address}", self.address_a_minute)
        if browser is not None:
            self._take(f"browser {browser}", self.browser_a_minute)

    def _take(self, name: str, a_minute: int) -> None:
        now, rate = self.seconds(), a_minute / _MINUTE_S
        with self._lock:
            if len(self._spent) > _REMEMBERED:
                self._spent = {one: kept for one, kept in self._spent.items() if now - kept[1] < _MINUTE_S}
            left, then = self._spent.get(name, (float(a_minute), now))
            left = min(float(a_minute), left + (now - then) * rate)
            self._spent[name] = (left - 1 if left >= 1 else left), now
        if left < 1:
            raise TooFastError(retry_after_s=max(1, round((1 - left) / rate)))
