"""Rules and answers cut down to what a gateway understands, before anything is promised to it."""

from msgspec.structs import replace

from diameter_ocs.charging.final_units import without_credit
from diameter_ocs.charging.gateway_profile import FinalUnitWord, GatewayProfile
from diameter_ocs.charging.request import CreditOutcome, Outcome, ServiceUnits, SessionRequest
from diameter_ocs.charging.session import Quota
from diameter_ocs.charging.sizing import size_steps
from diameter_ocs.rating.catalogue import GroupRule, Offer, QuotaPolicy, Treatment
from diameter_ocs.rating.final_units import FinalProfile, FinalUnitAction
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import RESULT_CODE_OF_VERDICT, ResultCode

FREE_SIZES = {UnitType.OCTETS: 1_000_000_000, UnitType.SECONDS: 86_400, UnitType.EVENTS: 1000}
"""One grant of a service that costs nothing and that the gateway cannot leave uncontrolled: it should rarely ask."""
FREE_VALIDITY_SECONDS = 86_400
WORDS: dict[FinalUnitAction, FinalUnitWord] = {
    FinalUnitAction.TERMINATE: "terminate",
    FinalUnitAction.REDIRECT: "redirect",
    FinalUnitAction.RESTRICT_ACCESS: "restrict",
}


def rule_within(gateway: GatewayProfile, offer: Offer, rule: GroupRule | None) -> GroupRule | None:
    """A rule of the offer as the gateway can carry it out; None when the offer has no tariff."""
    if not offer.is_controlled:
        return _free(gateway, UnitType.OCTETS if rule is None else rule.unit)
    if rule is None:
        return None
    if rule.treatment is Treatment.NOT_CONTROLLED and ResultCode.CREDIT_CONTROL_NOT_APPLICABLE not in (
        gateway.group_codes
    ):
        return _free(gateway, rule.unit)
    return rule if rule.final is None else replace(rule, final=_final_within(gateway, rule.final))


def _free(gateway: GatewayProfile, unit: UnitType) -> GroupRule:
    counted = unit if unit in gateway.units else next(each for each in gateway.units if each in FREE_SIZES)
    size = FREE_SIZES[counted]
    return GroupRule("free", counted, Treatment.FREE, QuotaPolicy(size, size, size, FREE_VALIDITY_SECONDS))


def renewing(rule: GroupRule, wish: ServiceUnits, quota: Quota, held: int) -> GroupRule:
    """A rule whose next grant of time differs from the one before, for a gateway that overlooks an equal one.

    quota: settled. held: seconds that it had.
    """
    policy = rule.quota
    if rule.unit is not UnitType.SECONDS or held <= policy.minimum_units:
        return rule
    if size_steps(wish, policy, rule.unit, quota)[-1].units != held:
        return rule
    shorter = replace(policy, maximum_units=held - 1, default_units=min(policy.default_units, held - 1))
    return replace(rule, quota=shorter)


def free_for_nobody(request: SessionRequest) -> Outcome:
    """Free quota for a service that needs no account, where the gateway cannot leave it uncontrolled.

    Nothing is kept of it: what is reported later is of a session that was never opened.
    """
    rule = _free(request.gateway, UnitType.SECONDS)
    size = rule.quota.default_units
    answers = [
        CreditOutcome(credit.rating_group, credit.service_identifiers, granted=size, unit=rule.unit)
        for credit in request.credits
    ]
    return Outcome(credits=tuple(answers), detail="free of charge, without an account")


def _final_within(gateway: GatewayProfile, final: FinalProfile) -> FinalProfile:
    """What follows the last unit; 'terminate' where the gateway does not know better (RFC 8506 §8.35)."""
    if final.throttle is not None and gateway.qos_information:
        return final
    announcement = final.announcement if gateway.announcements else None
    seconds = final.announcement_seconds if gateway.announcements else None
    ids = final.filter_ids if "ids" in gateway.restriction_filters else ()
    rules = final.filter_rules if "rules" in gateway.restriction_filters else ()
    is_bare = bool(final.filter_ids or final.filter_rules) and not (ids or rules)
    if WORDS[final.action] not in gateway.final_units or (
        is_bare
        if final.action is FinalUnitAction.RESTRICT_ACCESS
        else final.address_type is not None and final.address_type.name.lower() not in gateway.redirect_addresses
    ):
        return FinalProfile(announcement=announcement, announcement_seconds=seconds)
    return replace(
        final,
        filter_ids=ids,
        filter_rules=rules,
        is_extended=final.is_extended and gateway.extended_final_units,
        announcement=announcement,
        announcement_seconds=seconds,
    )


def final_within(
    gateway: GatewayProfile,
    settled: Quota,
    granted: tuple[Quota, CreditOutcome],
    rule: GroupRule,
    at_ms: int,
    *,
    is_first: bool,
) -> tuple[Quota, CreditOutcome]:
    """A grant whose final units the gateway can be told of; else one that is not final, or a refusal when it is none.

    settled: the quota as it was before the grant.
    """
    quota, answer = granted
    if answer.final is None:
        return granted
    may_come = gateway.final_units_at_first or not is_first
    if answer.granted is None:
        if may_come and gateway.final_units_without_grant:
            return granted
        return without_credit(settled, replace(rule, final=None), at_ms)
    if may_come and WORDS[answer.final] in gateway.final_units:
        return granted
    return replace(quota, final=False), replace(answer, final=None)


def answer_within(gateway: GatewayProfile, answer: CreditOutcome) -> CreditOutcome:
    """An answer with the codes and the terms of quota that the gateway knows."""
    if answer.verdict is not Verdict.SUCCESS:
        is_known = RESULT_CODE_OF_VERDICT[answer.verdict] in gateway.group_codes
        return answer if is_known else replace(answer, verdict=Verdict.RATING_FAILED)
    threshold = answer.threshold if gateway.thresholds else None
    holding = answer.holding_seconds if gateway.holding_time else None
    if threshold is answer.threshold and holding is answer.holding_seconds:
        return answer
    return replace(answer, threshold=threshold, holding_seconds=holding)
