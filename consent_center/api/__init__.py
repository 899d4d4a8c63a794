"""The consent centre for machines: `/v1`, described by OpenAPI 3.1.

Promises: every refusal is a problem document with a code from one list; the same request under the same idempotency
    key changes nothing; every list is paged and bounded; nothing is written by a request that is refused.
Never: decides anything itself, or lets a site's token see what concerns another site.
May be imported by: `app`.
Start reading: `create.py`, then `statements.py`.
"""
