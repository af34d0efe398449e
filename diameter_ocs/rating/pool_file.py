"""`pool` of groups in a catalogue file: which of them share a credit pool, and what keeps a group out of one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec.structs import replace

from diameter_ocs.rating.catalogue import GroupRule, QuotaTuning, Treatment
from diameter_ocs.rating.pool import LARGEST_POINTS, UNIT_BY_UNIT, in_proportion, pool_shares

UNSHARED = frozenset(("session_cap_units", "day_cap", "notice_levels", "mechanism"))
"""What a quota policy cannot say of quota that other groups may use."""
Tell = Callable[[str, str], None]
"""Takes key and rule of a mistake."""


class GroupOfPool(Protocol):
    """What is read of [[offers.NAME.groups]] here."""

    @property
    def service(self) -> str: ...
    @property
    def pool(self) -> int | None: ...
    @property
    def rating_groups(self) -> Sequence[int]: ...
    @property
    def service_identifiers(self) -> Sequence[int]: ...
    @property
    def all_others(self) -> bool: ...


def with_pools(offer: str, groups: Sequence[GroupOfPool], rules: Sequence[GroupRule], tell: Tell) -> list[GroupRule]:
    """The rules of an offer, those of a pool with their share in it and a price in proportion; mistakes are told."""
    made = list(rules)
    pools = dict.fromkeys((group.service, group.pool) for group in groups if group.pool is not None)
    for service, pool_id in pools:
        members = [index for index, group in enumerate(groups) if (group.service, group.pool) == (service, pool_id)]
        mistakes = [(f"{offer}.groups.{index}.pool", rule) for index in members for rule in _mistakes(rules[index])]
        if not any(_serves_several(groups[index]) for index in members) and len(members) == 1:
            mistakes.append(
                (f"{offer}.groups.{members[0]}.pool", f"no other group of this service shares pool {pool_id}")
            )
        for mistake in mistakes:
            tell(*mistake)
        if not mistakes and pool_id is not None:
            _share(offer, pool_id, members, made, tell)
    return made


def _share(offer: str, pool_id: int, members: Sequence[int], rules: list[GroupRule], tell: Tell) -> None:
    rates = [rate for index in members if (rate := rules[index].rate) is not None]
    for index, share in zip(members, pool_shares(pool_id, rates), strict=True):
        rule = rules[index]
        assert rule.rate is not None
        if max(share.multiplier * rule.quota.maximum_units, share.per_micro) > LARGEST_POINTS:
            text = f"the prices of pool {pool_id} have no common unit that a gateway can count in: make them rounder"
            tell(f"{offer}.groups.{index}.pool", text)
        rules[index] = replace(rule, rate=in_proportion(rule.rate), pool=share)


def _serves_several(group: GroupOfPool) -> bool:
    return group.all_others or len(group.rating_groups) + len(group.service_identifiers) > 1


def _mistakes(rule: GroupRule) -> Iterator[str]:
    """Why a group cannot be in a pool: only a price that is the same for every unit has a multiplier."""
    if rule.timed is not None or rule.chooser is not None:
        yield "a group of a pool has one price for all use: price and per, not prices, when or a sheet of rates"
    elif rule.treatment is not Treatment.CHARGE or rule.rate is None or not rule.rate.step_micros:
        yield "a group of a pool needs a price above zero: price and per"
    if rule.rate is not None and rule.rate.call not in (None, UNIT_BY_UNIT):
        yield "a group of a pool pays in proportion to use: price and per, without fees, steps, bounds or tiers"
    if rule.quota.tuning is not None and not UNSHARED.isdisjoint(_set_in(rule.quota.tuning)):
        yield "groups of a pool use each other's quota: their policy has no caps, notice levels and time mechanism"


def _set_in(tuning: QuotaTuning) -> Iterator[str]:
    usual = QuotaTuning()
    return (name for name in tuning.__struct_fields__ if getattr(tuning, name) != getattr(usual, name))
