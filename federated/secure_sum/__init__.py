"""Only the sum of the sites' vectors, never one of them: double masking with threshold shares, for 3 to 12 sites.

    keys     each site signs two fresh public keys, bound to run, round, attempt, plan, cohorts and consent epoch
    shares   each site checks everybody's, and sends everybody a share of its two secrets, sealed
    masked   vector + own mask + one mask per pair, in a ring of integers
    agree    only if a site dropped out: sign the list of survivors, once
    unmask   shares of the own masks of those who stayed, or of the pair key of those who left; never both of one

Promises: any dropout pattern that the quorum admits opens exactly the sum of the survivors; a coordinator with up to
    `colluders` sites learns nothing else, however it lies about who is present; what is amiss is refused with a code.
Never: draws randomness, reads a clock, keeps a secret for a second round, or lets two sites' sum be opened.
May be imported by: `federated.site`, `federated.coordinator` and `federated.plan`.
Start reading: `federated/secure_sum/quorum.py`, then `participants.py`, `protocol.py` (a site), `opening.py` (the
    coordinator).

Source:
    Bonawitz et al. 2017, "Practical Secure Aggregation for Privacy-Preserving Machine Learning", Figure 4, with every
    site connected to every other.
"""
