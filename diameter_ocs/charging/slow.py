"""Fair use: what was allowed at full speed is used up, and the service goes on for nothing, but slower."""

from msgspec.structs import replace

from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.quota import granted_quota
from diameter_ocs.charging.request import CreditOutcome, ServiceUnits
from diameter_ocs.charging.session import Quota
from diameter_ocs.charging.sizing import wished_units
from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.final_units import Throttle


def slowed(
    settled: Quota,
    granted: tuple[Quota, CreditOutcome],
    rule: GroupRule,
    throttle: Throttle,
    wish: ServiceUnits,
) -> tuple[Quota, CreditOutcome]:
    """A grant that has QoS-Information where there would be none; the last one at full speed is then not final.

    settled: the quota as it was before. It counts as dry, so that its gateway is asked to come back when there is
    full speed again.
    """
    quota, answer = granted
    if answer.granted is not None:
        return replace(quota, final=False), replace(answer, final=None)
    policy = rule.quota
    units = wished_units(wish, policy, rule.unit)
    out, told = granted_quota(settled, rule, units, (), policy.validity_seconds, is_final=False)
    extras = replace(told.extras or CreditExtras(), throttle=(throttle.download_bits, throttle.upload_bits))
    return replace(out, memory=replace(out.memory, is_slow=True), dry=True), replace(told, extras=extras)
