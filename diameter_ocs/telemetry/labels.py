"""Bounds for label values: a metric must not grow with what strangers send."""

LABELS_KEPT = 64
"""Distinct values of one label; a scrape of all series stays well below a millisecond each."""
OTHER = "other"
"""Stands for every value beyond the bound."""
NO_RATING_GROUP = "none"
"""Label of a service that names no rating group."""


class LabelBound:
    """Admits the first values it sees and calls all later ones 'other'."""

    def __init__(self, kept: int = LABELS_KEPT) -> None:
        self._kept = kept
        self._known: dict[object, str] = {}

    def label(self, value: object) -> str:
        """The label of a value; the same value always has the same one."""
        known = self._known.get(value)
        if known is not None:
            return known
        if len(self._known) >= self._kept:
            return OTHER
        return self._known.setdefault(value, str(value))
