"""Settings for the whole suite."""

from hypothesis import HealthCheck, settings

# A busy machine must not fail a property: what is slow there is the machine.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
