"""Members' rights under the law: what she asked for, by when it is answered, and what she gets.

Promises: every request has a clock that starts the moment it is filed; a refusal or an extension has a reason; what the
hub holds about a member is handed out whole, as data and as a page.
Never: reads a database or a clock; decides whether a use is allowed (that is `consent_center.consent`).
May be imported by: `consent_center.events` and everything above it.
Start reading: `request.py`.
"""
