"""Rows, and the one place where they are committed.

Promises: a write workflow runs in one transaction with its audit entries, or leaves nothing; reads see one snapshot;
    statements and entries are only ever inserted.
Never: decides anything; the domain does, a workflow asks it and stores the answer.
May be imported by: `workflows` and above; it is the only package that imports SQLModel.
Start reading: `transaction.py`, then `entries.py` and `statements.py`.
"""
