"""The twenty subscribers of the demo: what they start with, and how they are brought to it again at every start."""

import asyncio
from collections.abc import Iterable, Iterator

from msgspec import Struct

from diameter_ocs.engine.engine import Engine
from diameter_ocs.ledger.account import Account, Bucket, Status
from diameter_ocs.recharge.commands import (
    MONEY_BUCKET,
    AddSubscriber,
    Buy,
    Credit,
    NewSubscriber,
    OpenAccount,
    SetAccountStatus,
    SetLimit,
    SetOverdraft,
)
from diameter_ocs.simulator.credit import Subscriber as Sim
from diameter_ocs.storage.protocol import Store, Wanted
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.money import format_money
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

MB = 1_000_000
CENT = 10_000
"""In micro-units."""
PREPAID, SMART, POOLED, TRAVEL, BUNDLE = "prepaid-data", "smart", "pooled-data", "travel", "bundle-only"
PARENT, CHILD, CONTRACT = "family-parent", "family-child", "contract"
PGW, SMF, TAS = "pgw01", "smf01", "tas01"
"""A packet gateway, the core of a private network, and a telephony server with its message centre."""
FRANCE = "20801"
WHY = "start of the demo"
SHOP = "the demo's shop"


class DemoSubscriber(Struct, frozen=True):
    """One of the twenty.

    number: its last digits, 101 to 120. shares: the number of the one whose account it spends from.
    products: what it has at the start. pack, top_up_micros: what it buys when it has run dry, and the money it adds
    when that is too little; neither: it never recharges. credit_micros: how far below zero its money may go.
    ceiling: octets it may use of a shared account in a month. appetite: octets it uses at a time, about.
    calls, texts: percent of its sessions that are calls, or after which it writes. visits: a network it travels to.
    """

    number: int
    offer: str = PREPAID
    money_micros: int = 0
    products: tuple[str, ...] = ()
    pack: str = ""
    top_up_micros: int = 0
    shares: int = 0
    credit_micros: int = 0
    ceiling: int = 0
    appetite: int = 3 * MB
    calls: int = 0
    texts: int = 0
    visits: str = ""
    gateway: str = PGW
    is_blocked: bool = False

    @property
    def account_id(self) -> str:
        return f"demo-{(self.shares or self.number) - 100:02d}"

    @property
    def subscriber_id(self) -> str:
        return f"sub-{self.number}"

    @property
    def sim(self) -> Sim:
        return Sim(msisdn=f"99955500{self.number}", imsi=f"001010000000{self.number}")

    @property
    def recharges(self) -> bool:
        return bool(self.pack or self.top_up_micros)


def prepaid(number: int, cents: int, **more: object) -> DemoSubscriber:
    """Somebody with money that is added again when it is gone."""
    kept: dict[str, object] = {"money_micros": cents * CENT, "top_up_micros": cents * CENT, **more}
    return DemoSubscriber(number, **kept)  # type: ignore[arg-type]


DEMO_SUBSCRIBERS = (
    prepaid(101, 5000, calls=30, texts=30),
    prepaid(102, 2500, calls=40, texts=20, appetite=4 * MB),
    prepaid(103, 1200, texts=50, appetite=2 * MB),
    DemoSubscriber(104, CONTRACT, 0, ("plan-s",), top_up_micros=3000 * CENT, credit_micros=3000 * CENT, calls=30),
    prepaid(105, 1000, products=("day-pass",), pack="day-pass"),
    prepaid(106, 300, products=("data-100mb",), pack="data-100mb"),
    prepaid(107, 150, products=("data-100mb", "talk-100"), calls=50),
    prepaid(108, 2000, products=("video-250mb",), pack="video-250mb", appetite=5 * MB),
    prepaid(109, 40, offer=SMART, pack="data-100mb", top_up_micros=500 * CENT, texts=30),
    prepaid(110, 90, gateway=SMF),
    prepaid(111, 160, products=("sms-50",), texts=60, appetite=4 * MB),
    prepaid(112, 240, offer=POOLED, appetite=4 * MB),
    prepaid(113, 500, offer=PARENT, products=("family-1gb",), top_up_micros=1000 * CENT, calls=30, texts=20),
    DemoSubscriber(114, CHILD, shares=113, ceiling=300 * MB, calls=20),
    DemoSubscriber(115, CHILD, shares=113, ceiling=150 * MB, texts=40),
    prepaid(116, 500, offer=BUNDLE, products=("data-100mb",), pack="data-100mb", appetite=2 * MB, gateway=SMF),
    prepaid(117, 500, offer=TRAVEL, products=("eu-100mb",), pack="eu-100mb", visits=FRANCE, appetite=5 * MB, texts=20),
    prepaid(118, 30, appetite=1 * MB, gateway=SMF),
    prepaid(119, 1500, is_blocked=True),
    DemoSubscriber(120),
)
"""Some never run dry, some do within a minute; 119 is blocked and 120 has no credit at all."""


ACCOUNT_IDS = tuple(dict.fromkeys(each.account_id for each in DEMO_SUBSCRIBERS))


async def accounts(store: Store) -> dict[str, Account]:
    """The demo's accounts as they stand on disk."""
    loaded = await store.load(Wanted(accounts=ACCOUNT_IDS))
    return {account_id: found.account for account_id, found in loaded.accounts.items()}


async def seed(engine: Engine, store: Store, currency: str, at_ms: int) -> None:
    """Open what is not there, and bring every balance up to where the demo starts. May be called again and again."""
    there = await accounts(store)
    await asyncio.gather(*(_seed_one(engine, each, there.get(each), currency, at_ms) for each in ACCOUNT_IDS))


async def _seed_one(engine: Engine, account_id: str, account: Account | None, currency: str, at_ms: int) -> None:
    payer, *others = (each for each in DEMO_SUBSCRIBERS if each.account_id == account_id)
    if account is None:
        await engine.execute(OpenAccount(account_id, currency, f"Demo {account_id[-2:]}", (), (_new(payer),), WHY))
        for each in others:
            await engine.execute(AddSubscriber(account_id, _new(each), WHY))
        for command in _agreed((payer, *others)):
            await engine.execute(command)
    for name in payer.products:
        if account is None or not _has(account, name, at_ms):
            await _give(engine, payer, name)
    lacking = payer.money_micros - (_money(account) if account is not None else 0)
    if lacking > 0 and not payer.credit_micros:
        await engine.execute(Credit(account_id, Bucket(MONEY_BUCKET, UnitType.MONEY, lacking), WHY))
    wanted = Status.BLOCKED if payer.is_blocked else Status.ACTIVE
    if (account.status if account else Status.ACTIVE) is not wanted:
        await engine.execute(SetAccountStatus(account_id, wanted, WHY))


def _new(who: DemoSubscriber) -> NewSubscriber:
    names = (Identity(IdentityKind.E164, who.sim.msisdn), Identity(IdentityKind.IMSI, who.sim.imsi))
    return NewSubscriber(who.subscriber_id, names, who.offer)


def _agreed(members: Iterable[DemoSubscriber]) -> Iterator[SetOverdraft | SetLimit]:
    """Credit limits, and ceilings of members."""
    for who in members:
        if who.credit_micros:
            yield SetOverdraft(who.account_id, who.credit_micros, reason=WHY)
        if who.ceiling:
            name = f"ceiling {who.number}"
            yield SetLimit(
                who.account_id, name, who.ceiling, UnitType.OCTETS, who.subscriber_id, "calendar month", reason=WHY
            )


async def _give(engine: Engine, who: DemoSubscriber, product: str) -> None:
    """A product and the money for it; who has a credit limit has it on the bill."""
    price = engine.terms.catalogue.products[product].price_micros
    if not who.credit_micros:
        await engine.execute(Credit(who.account_id, Bucket(MONEY_BUCKET, UnitType.MONEY, price), WHY))
    await engine.execute(Buy(who.account_id, product, reason=WHY))


def _has(account: Account, product: str, at_ms: int) -> bool:
    """Something is left of it."""
    return any(
        bucket.bucket_id.startswith(f"{product}-") and bucket.available > 0 and bucket.is_running(at_ms)
        for bucket in account.buckets
    )


def _money(account: Account) -> int:
    return sum(bucket.available for bucket in account.buckets if bucket.unit is UnitType.MONEY)


async def recharge(engine: Engine, who: DemoSubscriber) -> str:
    """Sell the subscriber its usual pack, and money where that is too little; what came of it, in words."""
    catalogue = engine.terms.catalogue
    if not who.recharges:
        return ""
    buy = Buy(who.account_id, who.pack, reason=SHOP)
    if who.pack and (await engine.execute(buy)).verdict is Verdict.SUCCESS:
        return f"bought {catalogue.products[who.pack].title}"
    money = Bucket(MONEY_BUCKET, UnitType.MONEY, who.top_up_micros)
    if (await engine.execute(Credit(who.account_id, money, SHOP))).verdict is not Verdict.SUCCESS:
        return ""
    if who.pack:
        await engine.execute(buy)
    return f"topped up {format_money(who.top_up_micros)}"
