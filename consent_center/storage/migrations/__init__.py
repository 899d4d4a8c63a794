"""The steps by which an existing database becomes the one that this release expects.

Promises: each step is written down once and never changed; all of them together give exactly the tables that the
    storage modules define (a test compares them on both databases).
Never: imports the storage modules' rows, which change while a step must not.
May be imported by: `storage.migrate`.
Start reading: `storage/migrate.py`.
"""
