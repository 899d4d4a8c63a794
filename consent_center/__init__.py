"""The loyalty programme's hub: who agreed to what, who asked, who approved, what was spent.

Promises: one request is one transaction; every change of state carries its audit entry; a verdict defaults to no.
Never: sees a site's rows, one site's unnoised update, or a sensitive attribute.
May be imported by: nothing of ours; it is the top floor.
Start reading: `consent_center/workflows`, one use case per file.
"""
