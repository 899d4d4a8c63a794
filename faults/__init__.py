"""Faults that the log must survive, each with a control that shows the harness can see a loss: `make faults`.

Start reading: `world.py` (what counts as lost), then `kills.py`, `disks.py` and `lies.py`.
"""
