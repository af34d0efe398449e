"""Lines whose offer has a credit pool, and what their pools promise."""

from msgspec import structs

from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import CreditOutcome, SessionRequest
from diameter_ocs.charging.session import Pool
from diameter_ocs.ledger.account import Bucket
from tests.support.charging import Line

TEXT = """
version = "pools"
currency = "EUR"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
[quota.time]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
[final.portal]
action = "redirect"
address = "https://topup.example.net/"
validity = "10 min"
[offers.pooled]
[[offers.pooled.groups]]
rating_groups = [10]
price = "0.10"
per = "1 MB"
pool = 1
quota = "data"
[[offers.pooled.groups]]
rating_groups = [20, 21]
price = "0.05"
per = "1 MB"
pool = 1
quota = "data"
[[offers.pooled.groups]]
rating_groups = [30]
price = "0.03"
per = "7 s"
pool = 1
quota = "time"
final = "portal"
[[offers.pooled.groups]]
rating_groups = [40]
price = "0.02"
per = "1 MB"
quota = "data"
"""
"""Groups 10 and 20 as in the example of RFC 8506 §5.1.2; 30 counts seconds at a price that no decimal fraction is."""


class PoolLine(Line):
    """A line whose gateway controls several services independently, and whose offer has a pool."""

    def __init__(self, *buckets: Bucket, offer: str = "pooled", text: str = TEXT, **rules: object) -> None:
        super().__init__(*buckets, offer=offer, text=text, **rules)

    def send(self, asked: SessionRequest) -> Decision:
        return super().send(structs.replace(asked, multiple_services=True))


def pool_of(line: Line, session_id: str = "s;1;1") -> Pool:
    """The only pool of a session."""
    (pool,) = line.sessions[session_id].pools
    return pool


def multipliers(line: Line) -> dict[int, int]:
    """M of every group of the pool."""
    rules = line.terms.catalogue.offers["pooled"].by_group
    return {group: rule.pool.multiplier for group, rule in rules.items() if rule.pool is not None}


def reference(credit: CreditOutcome) -> tuple[int, int] | None:
    """Pool and multiplier that an answer tells; None: the grant is in no pool."""
    share = credit.extras.pool if credit.extras is not None else None
    return None if share is None else (share.pool_id, share.multiplier)
