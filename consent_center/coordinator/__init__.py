"""The coordinator as a long-lived process: the door for sites, and the runs that are driven over it.

Promises: only approved sites connect, and a revoked one is turned away at once; a run is driven under the token that
    was handed out for it, so this process holds no standing right to anything; a run goes on whoever watches, and after
    a crash of this process with the run it had.
Never: sees a site's row, or an update that carries less than the noise its plan was priced for.
May be imported by: `consent_center.cli`.
Start reading: `consent_center/coordinator/driving.py`.
"""
