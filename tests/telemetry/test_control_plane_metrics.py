"""The metrics of the control plane, by the names of the contract."""

from revaer.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = metrics.render()[0].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_the_revision_is_the_last_one() -> None:
    metrics = Metrics()
    metrics.config_adopted(4)
    metrics.config_adopted(7)

    assert samples(metrics)["revaer_config_revision"] == 7


def test_the_time_to_apply_is_told_by_who_applied() -> None:
    metrics = Metrics()
    metrics.config_applied("throttle", 0.02)
    metrics.config_applied("throttle", 3.0)
    metrics.config_applied("session", 0.5)

    found = samples(metrics)
    assert found['revaer_config_apply_seconds_count{consumer="throttle"}'] == 2
    assert found['revaer_config_apply_seconds_bucket{consumer="throttle",le="2.0"}'] == 1
    assert found['revaer_config_apply_seconds_sum{consumer="session"}'] == 0.5


def test_every_trip_of_a_guard_rail_counts() -> None:
    metrics = Metrics()
    metrics.guardrail_tripped("global_upload_cap")
    metrics.guardrail_tripped("global_upload_cap")

    assert samples(metrics)['revaer_guardrail_violations_total{guardrail="global_upload_cap"}'] == 2
