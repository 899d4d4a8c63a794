"""What outsiders check: a tamper-evident log, and the statistics of fair treatment.

Promises: `audit.log` writes and verifies standard formats (RFC 6962/9162, C2SP), so that tools that are not ours
    verify them too; `audit.fairness` turns noised counts into gaps with honest intervals.
Never: imports anything else of Accord, reads a clock, or knows a database.
May be imported by: every package. `audit.log` and `audit.fairness` do not know each other.
Start reading: `audit/__main__.py`, what an outsider runs.
"""
