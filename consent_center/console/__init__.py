"""The staff's pages: ask, assess, answer, watch and show, each role exactly what its line in one table allows.

Promises: no route without a line in `studies.roles.ALLOWED`; everything works without JavaScript (a run's page by
reloading), except that a passkey signs in the browser; no page names a member unless she was read with an entry.
Never: decides about consent or studies itself, reads storage directly, holds a reviewer's private key.
May be imported by: `consent_center.app` and the command line.
Start reading: `desk.py` (who may open what), then `studies.py`.
"""
