"""What a member is told about an automated decision, in her own language.

Promises: plain words for the reasons of the very model that decided, at most three; what would change it, said so and
    no more; a reason without a phrase of its own is still said, by the feature's name.
Never: computes a score or a reason, knows a database, says that anything causes anything.
May be imported by: `consent_center.workflows` and everything above.
Start reading: `explanation.py`.
"""
