"""Hypothesis on a busy machine: no deadlines, and no database of examples in the folder."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "basketry",
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("basketry")
