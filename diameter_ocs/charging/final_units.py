"""Final units and graceful termination of service (RFC 8506 §5.6): what a group gets when nothing is left."""

from collections.abc import Iterable

from msgspec.structs import replace

from diameter_ocs.charging.extras import CreditExtras, FinalUnits
from diameter_ocs.charging.request import CreditOutcome, ReportingReason, ServiceCredit
from diameter_ocs.charging.session import Quota
from diameter_ocs.charging.sizing import MS_PER_SECOND
from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.final_units import LINK_TOKEN, AfterRestriction, FinalProfile
from diameter_ocs.values.portal_link import PortalKey, PortalLink, sign
from diameter_ocs.values.verdict import Verdict

SERVICE_ENDED = frozenset(
    {
        ReportingReason.QHT,
        ReportingReason.FINAL,
        ReportingReason.VALIDITY_TIME,
        ReportingReason.UNUSED_QUOTA_TIMER,
    }
)
"""Reasons to give final units back that do not mean they are used up: no restricted mode follows."""


def without_credit(quota: Quota, rule: GroupRule, at_ms: int) -> tuple[Quota, CreditOutcome]:
    """Nothing can be granted: redirect or restrict at once (FUI without a grant), or refuse with 4012.

    TERMINATE never comes without a grant. A restriction that runs still is told again for what is left of it.
    """
    profile = rule.final
    if profile is None or not profile.restricts or _is_over(quota, profile, at_ms):
        refused = CreditOutcome(quota.rating_group, quota.service_identifiers, Verdict.CREDIT_LIMIT_REACHED)
        return replace(quota, dry=True), refused
    restricted, seconds = _restrict(quota, profile, at_ms)
    return restricted, CreditOutcome(
        quota.rating_group,
        quota.service_identifiers,
        unit=rule.unit,
        validity_seconds=seconds,
        final=profile.action,
    )


def after_final_units(credit: ServiceCredit, quota: Quota, rule: GroupRule, at_ms: int) -> tuple[Quota, int] | None:
    """The last units were used up and no more is asked for: how long the restricted mode may last, in seconds.

    None: there is no such mode, or the report was made for another reason.
    """
    profile = rule.final
    if profile is None or not profile.restricts or credit.reporting_reason in SERVICE_ENDED:
        return None
    return _restrict(quota, profile, at_ms)


def nameless_report(credit: ServiceCredit, quotas: Iterable[Quota]) -> Quota | None:
    """The quota that a report without ids is about: some gateways leave them out once they redirect.

    None: it names something, or the session has not exactly one quota with final units or a restriction.
    """
    if credit.rating_group is not None or credit.service_identifiers:
        return None
    restricted = [quota for quota in quotas if (quota.final and quota.granted) or quota.memory.restricted_until_ms]
    return restricted[0] if len(restricted) == 1 else None


def final_extras(profile: FinalProfile, outcome: CreditOutcome, address: str) -> CreditExtras:
    """What goes beside the Final-Unit-Action of an answer; an announcement only with the last grant."""
    is_announced = outcome.granted is not None
    details = FinalUnits(
        profile.address_type,
        address,
        profile.filter_ids,
        profile.filter_rules,
        profile.is_extended,
    )
    return replace(
        outcome.extras or CreditExtras(),
        final=details if profile.restricts else None,
        announcement=profile.announcement if is_announced else None,
        announcement_seconds=profile.announcement_seconds if is_announced else None,
    )


def redirect_address(
    profile: FinalProfile, key: PortalKey | None, session_id: str, account_id: str, subscriber_id: str, at_ms: int
) -> str:
    """The address of the Redirect-Server, its token signed for this session."""
    if key is None or LINK_TOKEN not in profile.address:
        return profile.address
    until_ms = at_ms + key.seconds * MS_PER_SECOND
    token = sign(key.secret, PortalLink(session_id, account_id, subscriber_id, until_ms))
    return profile.address.replace(LINK_TOKEN, token)


def _is_over(quota: Quota, profile: FinalProfile, at_ms: int) -> bool:
    """The time in restricted mode has passed without money, and the profile gives no other."""
    return profile.afterwards is AfterRestriction.REFUSE and 0 < quota.memory.restricted_until_ms <= at_ms


def _restrict(quota: Quota, profile: FinalProfile, at_ms: int) -> tuple[Quota, int]:
    """The quota in restricted mode, and the Validity-Time of that mode."""
    until_ms = quota.memory.restricted_until_ms
    if until_ms <= at_ms:
        until_ms = at_ms + profile.validity_seconds * MS_PER_SECOND
    memory = replace(quota.memory, restricted_until_ms=until_ms)
    return replace(quota, memory=memory, dry=True), max((until_ms - at_ms) // MS_PER_SECOND, 1)
