"""The targets as a picture: how much of each is used up, and the ratio to its baseline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot

from deploy.bench.rows import Row

matplotlib.use("svg")
# Texts stay texts, and the same figures give the same file.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "raiox", "font.size": 9}
_MET, _MISSED, _BASELINE = "#2f855a", "#c53030", "#a0aec0"


def draw(rows: Sequence[Row], machine: dict[str, Any], file: Path) -> None:
    """Write an SVG of the rows that have a target and were measured."""
    shown = [row for row in rows if row.met is not None][::-1]
    with pyplot.rc_context(_STYLE):
        figure, axes = pyplot.subplots(figsize=(13, 0.55 * len(shown) + 1.4), layout="constrained")
        for place, row in enumerate(shown):
            _draw_row(axes, place, row)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xscale("log")
        axes.set_yticks(range(len(shown)), [row.name for row in shown])
        axes.set_xlabel("of the target (the line; bars that end before it meet it); gray: baseline")
        axes.set_title(
            f"{machine['processor']}, {machine['cores']} cores, {machine['date'][:10]}", loc="left"
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.05)
        figure.savefig(file, metadata={"Date": None})
        pyplot.close(figure)


def _draw_row(axes: Any, place: int, row: Row) -> None:
    used = _of_target(row, row.measured)
    axes.barh(place + 0.18, used, 0.34, color=_MET if row.met else _MISSED)
    told = f" {row.measured:,.3g} {row.unit}".rstrip()
    if row.ratio is not None:
        axes.barh(place - 0.18, _of_target(row, row.baseline), 0.34, color=_BASELINE)
        ratio = "" if row.unit == "×" else f"= {row.ratio:.2f} × "
        told += f" {ratio}{row.baseline_name}"
    # Right of all bars, where no line crosses it.
    axes.text(1, place, told, va="center", transform=axes.get_yaxis_transform())


def _of_target(row: Row, value: float | None) -> float:
    """How much of the target is used; of what should be many, fewer use more."""
    assert row.target and value  # noqa: S101  # `met` says so
    return row.target / value if row.at_least else value / row.target
