"""One member, several holders of her data: who is whom, and what may be learned across, without a row crossing.

Promises: only members with a grant at both holders, for this purpose and this named partner, enter anything here; names
    that cross are good for one pair, one purpose and one epoch; what crosses about a member is one randomised label
    and one randomised bin per epoch, the same again when asked again, each with its price.
Never: a row, a feature, a label or a gradient that crosses; a match that is revealed before its noised size is known.
May be imported by: `federated.site`, `consent_center`.
Start reading: `pairing.py`, then `tokens.py` (one consent centre), `matching.py` (none), `randomised.py` (learning).
"""
