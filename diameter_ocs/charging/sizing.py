"""How much a gateway should get if the balance allows: the steps from its wish to the size of a grant."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.request import ServiceUnits
from diameter_ocs.charging.session import Quota, QuotaMemory
from diameter_ocs.rating.catalogue import QuotaPolicy, QuotaTuning
from diameter_ocs.values.units import UnitType

MS_PER_SECOND = 1000
DEFAULT = "default"
ASKED = "the gateway asks for"
MAXIMUM = "no more than maximum"
MINIMUM = "no less than minimum"
LIMITED = "what balance, caps and claimants leave"
POOLED = "what the credit pool lacks, and the balance leaves"


class SizeStep(Struct, frozen=True, gc=False):
    """One rule and the size after it."""

    rule: str
    units: int


def units_of(units: ServiceUnits, unit: UnitType) -> int | None:
    """The amount of one unit type; None when it is absent."""
    if unit is UnitType.OCTETS:
        return units.octets
    if unit is UnitType.SECONDS:
        return units.seconds
    return units.events if unit is UnitType.EVENTS else units.money


def wished_units(wish: ServiceUnits, policy: QuotaPolicy, unit: UnitType) -> int:
    """How much to grant under a policy without tuning. An absent or zero amount is no wish."""
    amount = units_of(wish, unit) or policy.default_units
    if amount > policy.maximum_units:
        return policy.maximum_units
    return amount if amount > policy.minimum_units else policy.minimum_units


def size_steps(
    wish: ServiceUnits, policy: QuotaPolicy, unit: UnitType, quota: Quota, today: int | None = None
) -> list[SizeStep]:
    """Every rule that has a say, in order; the last step is the size. 0: a cap is used up.

    today: what is left of a daily cap; None: there is none.
    """
    tuning = policy.tuning or QuotaTuning()
    is_first = not quota.memory.is_opened
    default, most, of_first = policy.default_units, policy.maximum_units, ""
    if is_first and tuning.first_default_units is not None and tuning.first_maximum_units is not None:
        default, most, of_first = tuning.first_default_units, tuning.first_maximum_units, "first_"
    steps = _start(units_of(wish, unit), f"{of_first}default", default, tuning, quota)
    if steps[-1].units > most:
        steps.append(SizeStep(f"no more than {of_first}maximum", most))
    if steps[-1].units < policy.minimum_units:
        steps.append(SizeStep(MINIMUM, policy.minimum_units))
    if tuning.mechanism is not None:
        whole = tuning.mechanism.whole(steps[-1].units, steps[-1].units)
        if whole != steps[-1].units:
            steps.append(SizeStep("whole base_intervals", whole))
    room = cap_room(policy, quota)
    if room is not None and steps[-1].units > room:
        steps.append(SizeStep("what is left of session_cap", room))
    if today is not None and steps[-1].units > today:
        steps.append(SizeStep("what is left of day_cap", today))
    return steps


def _start(asked: int | None, usual: str, default: int, tuning: QuotaTuning, quota: Quota) -> list[SizeStep]:
    if asked and tuning.honours_wishes:
        return [SizeStep(ASKED, asked)]
    steps = [SizeStep("the gateway asks, which the policy ignores", asked)] if asked else []
    pace = tuning.pace_seconds
    memory = quota.memory
    if pace is not None and memory.recent_ms:
        lasting = memory.recent_units * pace * MS_PER_SECOND // memory.recent_ms
        return [*steps, SizeStep(f"pace: {pace} s at the recent rate", lasting)]
    return [*steps, SizeStep(usual, default)]


def size_reason(wish: ServiceUnits, policy: QuotaPolicy, unit: UnitType, quota: Quota, granted: int) -> str:
    """The rule that decided the size of a grant; quota: as it was before. For the journal: see `ocs session show`."""
    if policy.tuning is not None:
        last = size_steps(wish, policy, unit, quota)[-1]
        return last.rule if granted == last.units else LIMITED
    asked = units_of(wish, unit)
    first = asked or policy.default_units
    if granted == first >= policy.minimum_units:
        return ASKED if asked else DEFAULT
    if granted != wished_units(wish, policy, unit):
        return LIMITED
    return MAXIMUM if granted < first else MINIMUM


def cap_room(policy: QuotaPolicy, quota: Quota) -> int | None:
    """What a group may still use in this session; None: as much as can be paid."""
    if policy.tuning is None or policy.tuning.session_cap_units is None:
        return None
    return max(policy.tuning.session_cap_units - quota.used_units, 0)


def least(one: int | None, other: int | None) -> int | None:
    """The smaller of two limits, where None is no limit."""
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def until_level(levels: Sequence[int], remaining: int, units: int, least: int) -> int:
    """A size that does not pass the next notice level by more than `least` units.

    levels: from high to low. remaining: what is left to grant, of the balance and of caps.
    """
    for level in levels:
        if remaining - units < level < remaining:
            return max(remaining - level, min(least, units))
    return units


def threshold_of(policy: QuotaPolicy, units: int) -> int:
    """Remaining units at which the gateway asks for more; 0: none."""
    if policy.tuning is not None and policy.tuning.threshold_units is not None:
        return min(policy.tuning.threshold_units, units // 2)
    return units * policy.threshold_percent // 100


def recent_use(before: Quota, used: int, at_ms: int) -> QuotaMemory:
    """The use of late after a report; time without a quota does not count.

    What came before weighs half, so that the rate follows the last few reports.
    """
    old = before.memory
    if not before.granted:
        return replace(old, since_ms=at_ms)
    elapsed = max(at_ms - old.since_ms, 1)
    return replace(
        old, since_ms=at_ms, recent_units=old.recent_units // 2 + used, recent_ms=old.recent_ms // 2 + elapsed
    )
