"""What members are asked, what they said, and what therefore may be used. Pure.

Promises: one function answers every question of permission (`verdict.verdict`), and it defaults to no with a reason;
    statements are never changed, the current state is a fold over them.
Never: reads a clock, draws randomness, knows a database, a framework or the log.
May be imported by: everything above it in `consent_center`.
Start reading: `scope.py` (items), `grant.py` (statements), `verdict.py` (the answer).
"""
