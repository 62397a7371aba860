"""Conversions. A name says the unit; these are the only places where one becomes another."""

MS_PER_S = 1000.0
S_PER_HOUR = 3600.0
HOURS_PER_DAY = 24.0
BITS_PER_BYTE = 8.0
BYTES_PER_GIB = float(2**30)
MIB_PER_GIB = 1024.0
BITS_PER_GBIT = 1e9
BYTES_PER_GB = 1e9


def s_to_hours(seconds: float) -> float:
    """Seconds as hours."""
    return seconds / S_PER_HOUR


def s_to_days(seconds: float) -> float:
    """Seconds as days of 24 hours."""
    return s_to_hours(seconds) / HOURS_PER_DAY


def gbit_per_s_to_bytes_per_s(gbit_per_s: float) -> float:
    """Network gigabits (10^9) a second as bytes a second."""
    return gbit_per_s * BITS_PER_GBIT / BITS_PER_BYTE
