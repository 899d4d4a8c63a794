"""The only place that knows Flower: one ServerApp, one ClientApp, and the grids that carry them.

Promises: the same two apps run embedded (in process, Flower's own serialisation switched on) and deployed.
Never: decides what may be trained; it asks the gate and the site.
May be imported by: `consent_center.cli` and `consent_center.demo`.
Start reading: `federated/flower/server_app.py`.
"""
