"""A tamper-evident log in standard formats, and everything an outsider needs to check it.

Promises: a published entry cannot be changed, removed or reordered without the change being found; proofs, tiles,
    checkpoints and cosignatures are bytes that tools which are not ours verify too (RFC 6962/9162, C2SP).
    Parsing is exact: what is not written the one right way is refused.
Never: reads a clock, draws randomness (key generation apart), knows a database, or imports anything else of Accord.
    Needs the standard library and `cryptography`, nothing more.
May be imported by: every package; `federated` uses `hashing`, `tree`, `proofs` and `note` only.
Start reading: `tree.py` and `proofs.py` (the mathematics), then `publish.py` (writing) and `fsck.py` (checking).
"""
