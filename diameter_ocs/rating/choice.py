"""The rule of a group as it holds for one use: its own values, those of a variant, or a price by number."""

from msgspec.structs import replace

from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.selection import Circumstances, RatingInput


def chosen(rule: GroupRule, use: RatingInput, at_ms: int) -> GroupRule | None:
    """What holds for a grant or an event now; None: nothing has a price for the number that is called."""
    chooser = rule.chooser
    if chooser is None:
        return rule
    place = chooser.selection.find(use, at_ms) if chooser.selection is not None else None
    return _priced(rule if place is None else chooser.variants[place], use.told, at_ms)


def held(rule: GroupRule, name: str, told: Circumstances, at_ms: int) -> GroupRule | None:
    """What usage costs whose quota was granted under the rule of that name; None when there is no such rule."""
    variants = rule.chooser.variants if rule.chooser is not None else ()
    found = next((each for each in (rule, *variants) if each.name == name), None)
    return _priced(found, told, at_ms) if found is not None else None


def _priced(rule: GroupRule, told: Circumstances, at_ms: int) -> GroupRule | None:
    """With the price of its rate sheet, where it has one; a number of no row costs what the tariff says itself."""
    sheet = rule.chooser.sheet if rule.chooser is not None else None
    if sheet is None:
        return rule
    rate = sheet.rate(told.called_party, at_ms)
    if rate is not None:
        return replace(rule, rate=rate, timed=None)
    return rule if rule.rate is not None else None
