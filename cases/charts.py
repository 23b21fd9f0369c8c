"""Small bar charts, drawn by the server: where each bar of an SVG picture stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from cases.days import Day

HEIGHT: Final = 100
DAY_WIDTH: Final = 20
_BAR: Final = 7
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the picture's units; `kind` is first or second."""

    kind: str
    x: int
    height: int

    @property
    def y(self) -> int:
        """Where it begins: SVG counts from the top."""
        return HEIGHT - self.height


@dataclass(frozen=True, slots=True)
class Chart:
    """Two bars a day; `most` is what the highest one stands for."""

    bars: list[Bar]
    most: float
    width: int
    first: date
    last: date

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.most


def counts_chart(days: Sequence[Day]) -> Chart:
    """What came and what was decided."""
    return _chart(days, [(day.came, day.decided) for day in days])


def times_chart(days: Sequence[Day]) -> Chart:
    """Hours to the decision: the median, and what nine of ten stayed below."""
    return _chart(days, [(_hours(day.median), _hours(day.slow)) for day in days])


def _hours(time: timedelta | None) -> float:
    """Never below nothing: two machines' clocks may differ by more than a quick decision takes."""
    return max(0.0, time / _HOUR) if time else 0


def _chart(days: Sequence[Day], pairs: Sequence[tuple[float, float]]) -> Chart:
    most = max(max(pair) for pair in pairs)
    bars = [
        Bar(kind, number * DAY_WIDTH + offset, max(1, round(HEIGHT * value / most)))
        for number, pair in enumerate(pairs)
        for kind, offset, value in (("first", 2, pair[0]), ("second", 2 + _BAR + 1, pair[1]))
        if value > 0
    ]
    return Chart(bars, most, len(days) * DAY_WIDTH, days[0].date, days[-1].date)
