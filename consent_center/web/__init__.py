"""What every page needs, whoever reads it: language, templates, headers, sessions, forms, friendly refusals.

Promises: a page works without JavaScript; no page loads anything from another host; every form carries a token that
is bound to its browser and its action; every string exists in English, 繁體中文 and 简体中文.
Never: decides about consent, reads storage directly, puts a secret into a log line or a page that is not its owner's.
May be imported by: `consent_center.portal`, `console`, `api` and `app`.
Start reading: `pages.py` (how a page is drawn), then `forms.py` (how a form is accepted).
"""
