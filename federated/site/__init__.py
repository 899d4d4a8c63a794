"""One department or partner brand: its rows, its own policy, its own ledger copy.

Promises: refuses by default; touches a row only for a signed cohort with fresh removals; commits its charge before it
    touches data and its output before it releases it.
Never: sends a row, an unnoised number, or the text of an exception.
May be imported by: `federated.flower` and `consent_center`.
Start reading: `federated/site/agent.py`.
"""
