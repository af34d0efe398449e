"""What a quota policy adds to the answer about a grant: triggers, and how the seconds are to be counted."""

from msgspec.structs import replace

from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.rating.catalogue import QuotaTuning


def with_policy(
    answer: CreditOutcome, tuning: QuotaTuning, gateway: GatewayProfile, *, is_first: bool
) -> CreditOutcome:
    """Triggers go with the first grant of a group; Quota-Consumption-Time or Time-Quota-Mechanism with each."""
    if answer.granted is None:
        return answer
    triggers = tuning.triggers if is_first and gateway.triggers else None
    consumption, mechanism = tuning.consumption_seconds, tuning.mechanism
    if not gateway.time_counting:
        consumption = mechanism = None
    if triggers is None and consumption is None and mechanism is None:
        return answer
    extras = replace(
        answer.extras or CreditExtras(),
        triggers=triggers,
        consumption_seconds=consumption,
        mechanism=None if mechanism is None else (mechanism.type, mechanism.base_seconds),
    )
    return replace(answer, extras=extras)
