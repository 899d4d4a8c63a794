"""What runs where: one description, as processes on loopback (`make up`) and as containers (`compose.yaml`).

Promises: both shapes are made from `topology.toml` and nothing else; every connection between two services is TLS,
    but for the database on this machine, which listens on no network at all; what is started is stopped by its process
    number, and nothing else ever is.
Never: puts a secret on a command line or into the environment, or lets a site reach the database.
May be imported by: `consent_center.cli`.
Start reading: `consent_center/topology/topology.toml`, then `description.py`.
"""
