"""Hypothesis on a busy machine: no deadline, and slow generation is not a finding."""

from hypothesis import HealthCheck, settings

settings.register_profile("log", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("log")
