"""The whole story once, on public or generated data: what `accord demo` lays out before it starts.

Promises: the same data, sites and seed give the same federation, byte for byte; labels and cut-offs never use the
    future; ranges and categories are public constants, never fitted; what a site's file holds is that site's own and
    carries that site's own pseudonyms.
Never: seeds noise; writes a person's true id into a site's file; is imported by the product. pandas, scikit-learn and
    the data packages are imported here only, inside functions, so the product runs without them.
May be imported by: `consent_center.cli` and `benchmarks`.
Start reading: `federation.py` (what a loader hands over), then `journey.py`.
"""
