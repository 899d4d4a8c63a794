"""`python -m consent_center.cli`: the same as `accord`, for whoever starts processes by this very Python."""

from consent_center.cli import main

main()
