"""Latencies in HdrHistograms: of a whole run, and of each of its seconds."""

import math

from hdrh.histogram import HdrHistogram

from loadtest.result import Latency

# In microseconds. A wait longer than ten minutes counts as ten.
_LEAST, _MOST = 1, 600_000_000
_WHOLE_DIGITS, _SECOND_DIGITS = 3, 2


class Latencies:
    """The latencies of something, by when it was due."""

    def __init__(self) -> None:
        self._whole = _histogram(_WHOLE_DIGITS)
        self._seconds: dict[int, HdrHistogram] = {}

    def record(self, due: float, seconds: float, count: int, *, measured: bool) -> None:
        """Note `count` times that something due at this time took this long.

        It belongs to its second in any case, to the whole run only if `measured`.
        """
        value = min(_MOST, max(_LEAST, round(seconds * 1e6)))
        second = math.floor(due) + 1
        if second not in self._seconds:
            self._seconds[second] = _histogram(_SECOND_DIGITS)
        self._seconds[second].record_value(value, count)
        if measured:
            self._whole.record_value(value, count)

    def whole(self) -> Latency:
        """Return the latencies of all that was measured."""
        histogram = self._whole
        count = histogram.get_total_count()
        if not count:
            return Latency(count=0, min=0, mean=0, p50=0, p90=0, p99=0, p999=0, max=0)
        return Latency(
            count=count,
            min=_milliseconds(histogram.get_min_value()),
            mean=_milliseconds(histogram.get_mean_value()),
            p50=_at(histogram, 50),
            p90=_at(histogram, 90),
            p99=_at(histogram, 99),
            p999=_at(histogram, 99.9),
            max=_milliseconds(histogram.get_max_value()),
        )

    def second(self, second: int) -> dict[str, float]:
        """Return `p50`, `p90`, `p99` and `max` of what was due in the second that ends then, if any."""
        histogram = self._seconds.get(second)
        return _summary(histogram) if histogram else {}

    def recent(self, since: int) -> dict[str, float]:
        """Return the same of what was due in all seconds from this one on."""
        merged = _histogram(_SECOND_DIGITS)
        for second, histogram in self._seconds.items():
            if second >= since:
                merged.add(histogram)
        return _summary(merged) if merged.get_total_count() else {}


def _histogram(digits: int) -> HdrHistogram:
    return HdrHistogram(_LEAST, _MOST, digits)


def _summary(histogram: HdrHistogram) -> dict[str, float]:
    return {
        "p50": _at(histogram, 50),
        "p90": _at(histogram, 90),
        "p99": _at(histogram, 99),
        "max": _milliseconds(histogram.get_max_value()),
    }


def _at(histogram: HdrHistogram, percentile: float) -> float:
    return _milliseconds(histogram.get_value_at_percentile(percentile))


def _milliseconds(microseconds: float) -> float:
    return round(microseconds / 1000, 3)
