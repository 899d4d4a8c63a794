"""Training, evaluating, auditing and scoring at the sites, and only what a permit allows.

Promises: a row is used only if its member is in a signed cohort and not among the removals of a fresh, signed
    statement; every number that leaves a site was priced before any row was touched; errors that leave a site are
    codes, never data.
Never: imports `consent_center`, writes the log, or runs code that was delivered over the wire.
May be imported by: `consent_center`.
Start reading: `federated/plan.py` (the vocabulary), then `federated/gate.py` (the four questions).
"""

import logging

# A library stays silent until its user asks to hear it; the lines say codes and places, never data.
logging.getLogger(__name__).addHandler(logging.NullHandler())
