"""How publishing goes, and what a person must look at."""

from dataclasses import dataclass

LAG_ALERT_S = 10.0
UNWITNESSED_ALERT_S = 300.0


@dataclass(frozen=True)
class Status:
    """How publishing goes.

    Attributes:
        leading: is this the publisher that works? Otherwise it stands by.
        size: entries under the published checkpoint.
        lag_s: for how long committed entries have been waiting for one transaction that does not end.
        clock_behind_s: by how much the clock is behind the latest entry.
        unwitnessed_s: age of the oldest witness's last cosignature; None without witnesses.
        halted: why nothing is signed any more; empty while all is well.
        failing: what went wrong at the last attempt and will be tried again; empty if nothing.
    """

    leading: bool = False
    size: int = 0
    lag_s: float = 0.0
    clock_behind_s: int = 0
    unwitnessed_s: float | None = None
    halted: str = ""
    failing: str = ""

    def alerts(self) -> list[str]:
        """What a person must look at; empty if all is well."""
        found = [f"halted: {self.halted}"] if self.halted else []
        if self.failing:
            found.append(f"failing: {self.failing}")
        if self.lag_s >= LAG_ALERT_S:
            found.append(f"lag: a transaction has been open for {self.lag_s:.0f} s and holds the log back; end it")
        if self.clock_behind_s > 0:
            found.append(f"clock: it is {self.clock_behind_s} s behind the latest entry; set it right")
        if self.unwitnessed_s is not None and self.unwitnessed_s >= UNWITNESSED_ALERT_S:
            found.append(f"unwitnessed: a witness last cosigned {self.unwitnessed_s:.0f} s ago; reach it")
        return found
