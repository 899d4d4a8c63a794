"""Asking to use members' data: a study, its assessment, and the named people who answer.

Promises: pure rules over frozen data: what a study is, how risky it is, who must have said yes, who still has not.
Never: reads a clock, a key file or the database; time is passed in as `at`.
May be imported by: `storage`, `workflows` and the floors above.
Start reading: `study.py`, then `lifecycle.py`.
"""
