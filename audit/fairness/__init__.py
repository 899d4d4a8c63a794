"""The statistics of fair treatment, computed from counts that carry noise.

Promises: every number is a pure function of noised counts and of thresholds that are data; every interval includes
    the noise; too few members, or more noise than signal, is INSUFFICIENT, never a pass; a division by zero, a
    negative noised count or a group of three people never raises out of a statistic.
    Prices, lists of recommendations and answers are measured where the rows are, by the same rules.
Never: keeps a member's row, draws noise, reads a clock or a file, imports anything else of Accord, or
    says that a model is "fair": the strongest sentence is that no gap above X was detectable at 80 % power among
    the members who agreed to the audit.
May be imported by: `federated` (sites count with `counts`) and `consent_center` (verdicts, reports).
Start reading: `counts.py` (one member, one cell), `metrics.py` (rates of groups), `intervals.py` (the one rule for
    variances), `gaps.py` (from two groups to a verdict, in the words of `verdict.py`), `report.py`.
"""
