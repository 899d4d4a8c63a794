"""The only place that knows Flower: one ServerApp, one ClientApp, and the grids that carry them.

Promises: the same two apps run embedded (in process, Flower's own serialisation switched on) and deployed; importing
    this package switches Flower's telemetry and update check off before Flower is imported.
Never: decides what may be trained; it asks the gate and the site.
May be imported by: `consent_center.cli` and `consent_center.demo`.
Start reading: `federated/flower/server_app.py`.
"""

import os

# Flower reads these while it is being imported, and would otherwise look up hosts of its maker.
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"  # noqa: TID251
os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "1"  # noqa: TID251
