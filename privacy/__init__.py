"""What a release costs, and the noise that makes the cost true.

Promises: prices mechanisms exactly, refuses what does not fit a budget, clips per member, draws noise from a
    cryptographic source, keeps keys and envelopes.
Never: knows a database, the web, a clock, Flower, or anything else of Accord.
May be imported by: `federated` and `consent_center`.
Start reading: `privacy/mechanism.py`, then `privacy/ledger.py`.
"""
