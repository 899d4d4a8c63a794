"""The models a plan may name: one file each, and one line in the registry.

Promises: each model states its features with public ranges, its per-member bound and its releases.
Never: sees a member's name, opens a file, or adds noise of its own.
May be imported by: `federated.site`, `federated.flower` and `consent_center`.
Start reading: `federated/models/registry.py`.
"""
