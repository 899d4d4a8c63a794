"""Use cases, one per file: each is a function that the store runs in one transaction.

Promises: a workflow checks with the domain, writes through storage, appends its audit entry, or leaves nothing.
Never: commits, calls another workflow, or touches a session.
May be imported by: `app`, `api`, `portal`, `console`, `cli`, `demo`.
Start reading: `give_consent.py`, then `admit_run.py`.
"""
