"""The twenty subscribers of the demo: what they start with, and how they are brought to it again at every start."""

import asyncio
from collections.abc import Iterator

from msgspec import Struct

from diameter_ocs.engine.engine import Engine
from diameter_ocs.ledger.account import Account, Bucket, Status
from diameter_ocs.recharge.commands import Credit, NewSubscriber, OpenAccount, SetAccountStatus
from diameter_ocs.simulator.credit import Subscriber as Sim
from diameter_ocs.storage.protocol import Store, Wanted
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

MONEY = "money"
MB = 1_000_000
CENT = 10_000
"""In micro-units."""
MS_PER_DAY = 86_400_000
PREPAID, POOLED, BUNDLE = "prepaid-data", "pooled-data", "bundle-only"


class DataBucket(Struct, frozen=True):
    """A bucket of octets a subscriber starts with. The smallest priority is spent first."""

    octets: int
    valid_days: int
    priority: int = 100
    rating_groups: tuple[int, ...] = ()


class DemoSubscriber(Struct, frozen=True):
    """One of the twenty.

    number: its last digits, 101 to 120. appetite: octets it uses at a time, about. is_blocked: its account is.
    """

    number: int
    offer: str = PREPAID
    money_micros: int = 0
    data: tuple[DataBucket, ...] = ()
    appetite: int = 3 * MB
    is_blocked: bool = False

    @property
    def account_id(self) -> str:
        return f"demo-{self.number - 100:02d}"

    @property
    def sim(self) -> Sim:
        return Sim(msisdn=f"99955500{self.number}", imsi=f"001010000000{self.number}")

    def buckets(self, at_ms: int) -> Iterator[Bucket]:
        """Everything it starts with."""
        if self.money_micros:
            yield Bucket(MONEY, UnitType.MONEY, self.money_micros)
        for number, data in enumerate(self.data, 1):
            yield Bucket(
                f"data-{number}",
                UnitType.OCTETS,
                data.octets,
                priority=data.priority,
                valid_until_ms=at_ms + data.valid_days * MS_PER_DAY,
                rating_groups=data.rating_groups,
            )


DEMO_SUBSCRIBERS = (
    DemoSubscriber(101, money_micros=5000 * CENT),
    DemoSubscriber(102, money_micros=2500 * CENT, appetite=4 * MB),
    DemoSubscriber(103, money_micros=1200 * CENT, appetite=2 * MB),
    DemoSubscriber(104, money_micros=700 * CENT, appetite=5 * MB),
    DemoSubscriber(105, money_micros=1000 * CENT, data=(DataBucket(500 * MB, 30, 10),)),
    DemoSubscriber(106, money_micros=300 * CENT, data=(DataBucket(120 * MB, 7, 10, (10,)),)),
    DemoSubscriber(107, money_micros=150 * CENT, data=(DataBucket(80 * MB, 1, 10), DataBucket(400 * MB, 30, 20))),
    DemoSubscriber(108, money_micros=2000 * CENT, data=(DataBucket(250 * MB, 30, 10, (20,)),), appetite=5 * MB),
    DemoSubscriber(109, money_micros=40 * CENT),
    DemoSubscriber(110, money_micros=90 * CENT),
    DemoSubscriber(111, money_micros=160 * CENT, appetite=4 * MB),
    DemoSubscriber(112, POOLED, money_micros=240 * CENT, appetite=4 * MB),
    DemoSubscriber(113, BUNDLE, data=(DataBucket(2000 * MB, 30),)),
    DemoSubscriber(114, BUNDLE, data=(DataBucket(60 * MB, 1),)),
    DemoSubscriber(115, BUNDLE, data=(DataBucket(100 * MB, 1, 10), DataBucket(300 * MB, 30, 20)), appetite=2 * MB),
    DemoSubscriber(116, BUNDLE, data=(DataBucket(150 * MB, 7),), appetite=2 * MB),
    DemoSubscriber(117, money_micros=500 * CENT, appetite=6 * MB),
    DemoSubscriber(118, money_micros=30 * CENT, appetite=1 * MB),
    DemoSubscriber(119, money_micros=1500 * CENT, is_blocked=True),
    DemoSubscriber(120),
)
"""Some never run dry, some do within a minute; 119 is blocked and 120 has no credit at all."""

ACCOUNT_IDS = tuple(each.account_id for each in DEMO_SUBSCRIBERS)


async def accounts(store: Store) -> dict[str, Account]:
    """The demo's accounts as they stand on disk."""
    loaded = await store.load(Wanted(accounts=ACCOUNT_IDS))
    return {account_id: found.account for account_id, found in loaded.accounts.items()}


async def seed(engine: Engine, store: Store, currency: str, at_ms: int) -> None:
    """Open what is not there, and bring every balance up to where the demo starts. May be called again and again."""
    there = await accounts(store)
    await asyncio.gather(*(_seed_one(engine, each, there, currency, at_ms) for each in DEMO_SUBSCRIBERS))


async def _seed_one(engine: Engine, who: DemoSubscriber, there: dict[str, Account], currency: str, at_ms: int) -> None:
    account = there.get(who.account_id)
    if account is None:
        await engine.execute(_open(who, currency, at_ms))
    else:
        for bucket in _missing(who, account, at_ms):
            await engine.execute(Credit(who.account_id, bucket, "start of the demo"))
    wanted = Status.BLOCKED if who.is_blocked else Status.ACTIVE
    if (account.status if account else Status.ACTIVE) is not wanted:
        await engine.execute(SetAccountStatus(who.account_id, wanted, "start of the demo"))


def _open(who: DemoSubscriber, currency: str, at_ms: int) -> OpenAccount:
    names = (Identity(IdentityKind.E164, who.sim.msisdn), Identity(IdentityKind.IMSI, who.sim.imsi))
    new = NewSubscriber(f"sub-{who.number}", names, who.offer)
    title = f"Demo subscriber {who.number - 100}"
    return OpenAccount(who.account_id, currency, title, tuple(who.buckets(at_ms)), (new,), "start of the demo")


def _missing(who: DemoSubscriber, account: Account, at_ms: int) -> Iterator[Bucket]:
    """What has to be added so that every bucket holds what the demo starts with."""
    left = {bucket.bucket_id: bucket.available for bucket in account.buckets if not bucket.is_expired(at_ms)}
    for bucket in who.buckets(at_ms):
        lacking = bucket.remaining - left.get(bucket.bucket_id, 0)
        if lacking > 0:
            yield with_amount(bucket, lacking)


def with_amount(bucket: Bucket, amount: int) -> Bucket:
    """The same bucket with another amount."""
    return Bucket(
        bucket.bucket_id,
        bucket.unit,
        amount,
        priority=bucket.priority,
        valid_until_ms=bucket.valid_until_ms,
        rating_groups=bucket.rating_groups,
    )


async def top_up(engine: Engine, who: DemoSubscriber, at_ms: int) -> bool:
    """Sell the subscriber again what it started with; whether there was anything to sell."""
    outcomes = [
        await engine.execute(Credit(who.account_id, bucket, "the demo's shop")) for bucket in who.buckets(at_ms)
    ]
    return bool(outcomes) and all(outcome.verdict is Verdict.SUCCESS for outcome in outcomes)
