"""What scenarios ask of an operator, done to the accounts of the configured store."""

from diameter_ocs.charging.request import Outcome
from diameter_ocs.cli import lookup, node
from diameter_ocs.config import Config
from diameter_ocs.ledger.account import Bucket, Status
from diameter_ocs.recharge.commands import Credit, SetAccountStatus
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.scenario import Operator
from diameter_ocs.simulator.scenario_file import Deed
from diameter_ocs.values.units import UnitType

BUCKET, REASON = "scenario", "a scenario"


def operator(config: Config) -> Operator:
    """Takes the same road as `ocs account`; a running node on that store sees it."""

    async def operate(deed: Deed, subscriber: Subscriber, octets: int) -> None:
        async with node.opened(config) as store:
            owner, _ = await lookup.subscriber(store, f"msisdn:{subscriber.msisdn}")
        node.succeeded(await _do(config, deed, owner.account.account_id, octets))

    return operate


async def _do(config: Config, deed: Deed, account_id: str, octets: int) -> Outcome:
    if deed is Deed.CREDIT:
        return await node.execute(config, Credit(account_id, Bucket(BUCKET, UnitType.OCTETS, octets), REASON))
    status = Status.BLOCKED if deed is Deed.BLOCK else Status.ACTIVE
    return await node.execute(config, SetAccountStatus(account_id, status, REASON))
