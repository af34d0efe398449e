"""The picture of a comparison: revenue before and after, and how many subscribers would pay how much more or less."""

from math import floor
from pathlib import Path

from matplotlib.figure import Figure

from diameter_ocs.charging.whatif import Comparison
from diameter_ocs.values.money import MICROS_PER_UNIT

BINS = 30
LESS, MORE, SAME = "#2a9d8f", "#e76f51", "#8d99ae"


def draw(found: Comparison, file: Path, title: str, currency: str) -> None:
    """Write it as PNG or SVG, by the end of the file's name. Raises OSError."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    revenue, people = figure.subplots(1, 2, width_ratios=(1, 2))
    figure.suptitle(title)
    amounts = [found.before / MICROS_PER_UNIT, found.after / MICROS_PER_UNIT]
    bars = revenue.bar(["recorded", "what if"], amounts, color=[SAME, MORE if amounts[1] < amounts[0] else LESS])
    revenue.bar_label(bars, fmt="{:,.2f}")
    revenue.set_ylabel(f"revenue, {currency}")
    revenue.margins(y=0.15)
    changes = [each.difference / MICROS_PER_UNIT for each in found.changes]
    if changes:
        _, edges, patches = people.hist(changes, bins=_edges(min(changes), max(changes)))
        for edge, patch in zip(edges, patches, strict=False):
            patch.set_facecolor(LESS if edge < 0 else MORE)
    people.axvline(0, color="black", linewidth=0.8)
    people.set_xlabel(f"change per subscriber, {currency} (left: pays less, right: pays more)")
    people.set_ylabel("subscribers")
    figure.savefig(file, dpi=150)


def _edges(least: float, most: float) -> list[float]:
    """Borders of bins: one is at 0, so that none holds both winners and losers."""
    width = max(most - min(least, 0), -least, 1 / MICROS_PER_UNIT) / BINS
    first, last = floor(least / width), floor(most / width) + 1
    return [each * width for each in range(first, last + 1)]
