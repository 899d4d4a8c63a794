"""The member portal: the pages on which a member sees and decides what happens with her data.

Promises: a state that a page shows is the stored state; yes and no weigh the same; whatever another part has not
    delivered is shown as "not yet".
Never: reads storage; decides about consent; shows one member anything of another.
May be imported by: `consent_center.app`.
Start reading: `router.py`, then `reader.py` (who asks) and `choices.py`.
"""
