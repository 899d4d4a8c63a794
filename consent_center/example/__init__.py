"""A made-up programme, a made-up family and the world they live in: for `accord serve --dev`, tests and benchmarks.

Promises: everything is entered through the same workflows as in earnest; nobody in it exists.
Never: is used in production; touches a folder that it did not make.
May be imported by: `consent_center.cli`, tests and benchmarks.
Start reading: `world.py`.
"""
