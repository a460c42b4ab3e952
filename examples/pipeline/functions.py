"""The functions of the pipeline, over readings that are kept here."""

from typing import Any

READINGS: dict[str, list[float]] = {
    "harbour": [6.0, 6.5, 7.0, 8.5, 9.0, 8.0],
    "hill": [2.5, 2.0, -999.0, 4.0, 4.5, 5.0, 3.5],
    "airport": [5.0, 5.5, 6.0, 6.5],
}
BROKEN = -999.0
"""What a sensor gives that has no answer."""


class StationOffline(Exception):
    """A station that does not answer."""


class BrokenSensor(Exception):
    """Readings that mean nothing."""


def fetch_readings(request: dict[str, str]) -> dict[str, Any]:
    station = request["station"]
    if station not in READINGS:
        raise StationOffline(f"The station {station} has not answered since the storm")
    return {"readings": READINGS[station]}


def clean_batch(batch: dict[str, Any]) -> dict[str, Any]:
    if BROKEN in batch["readings"]:
        raise BrokenSensor(f"{batch['id']} holds {BROKEN}")
    return {"values": [round(celsius * 1.8 + 32, 1) for celsius in batch["readings"]]}


def sum_up(station: dict[str, list[float]]) -> dict[str, float]:
    values = station["values"]
    return {"mean": round(sum(values) / len(values), 2)}
