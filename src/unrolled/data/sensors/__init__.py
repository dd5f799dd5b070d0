"""Readings of sensors on a graph: registered ones, and those in files."""

from __future__ import annotations

from unrolled.data.sensors.forecasts import SensorForecasts
from unrolled.data.sensors.readings import Readings
from unrolled.data.sensors.sources import SENSORS, SensorSource, find_readings, sensor_archive, sensors_are_here

__all__ = [
    "SENSORS",
    "Readings",
    "SensorForecasts",
    "SensorSource",
    "find_readings",
    "sensor_archive",
    "sensors_are_here",
]
