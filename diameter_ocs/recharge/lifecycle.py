"""The life of subscribers: pre-active, active on first use, grace, expired, recycled; prolonged by top-ups.

A stage that time brings begins at the moment at which the one before ended, however late that is noticed. The account
knows when the next of its subscribers enters another stage (Account.stages_ms), so requests look at one number.
"""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.outbox import aborts, reauthorisations, requests_after_credit
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.life import Life, Stage
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.lifecycles import Lifecycle, ends
from diameter_ocs.rating.periods import parse_period
from diameter_ocs.recharge.commands import ExtendSubscriber
from diameter_ocs.recharge.products import Subscribers, retry_unpaid, start_waiting, zone_for
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

ENTRY_KIND = "subscriber_stage"


def begin(decision: Decision, subscribers: Subscribers, catalogue: Catalogue, at_ms: int) -> Decision:
    """The same decision with the lives of its new subscribers begun, where their offers have a life cycle.

    subscribers: those that the account had before.
    """
    if decision.account is None:
        return decision
    born = [_born(each, catalogue, at_ms) for each in decision.subscribers]
    account = _timed(decision.account, (*subscribers.values(), *born))
    return replace(decision, account=account, subscribers=tuple(born))


def begin_use(
    subscriber_id: str, account: Account, subscribers: Subscribers, catalogue: Catalogue, at_ms: int
) -> Decision | None:
    """The first use of a pre-active subscriber makes it active, and products that came with its offer are due now.

    None: it is not pre-active, or it is blocked.
    """
    old = subscribers[subscriber_id]
    if account.status is not Status.ACTIVE or old.status is not Status.ACTIVE:
        return None
    if old.life is None or old.life.stage is not Stage.PRE_ACTIVE:
        return None
    cycle = catalogue.lifecycle_of(old.offer)
    zone = zone_for(subscriber_id, subscribers, catalogue)
    life = _entered(cycle, Stage.ACTIVE, at_ms, zone) if cycle is not None else None
    book = Book(account)
    start_waiting(book, subscriber_id, at_ms)
    return _changed(account, old, replace(old, life=life), subscribers, "first use", at_ms, book)


def next_stage(
    account: Account,
    subscribers: Subscribers,
    catalogue: Catalogue,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Lead the subscriber whose stage ended first into the next one.

    Gateways are asked to come back for its sessions when grace begins, and to end them when it expires.
    """
    lives = [each for each in subscribers.values() if each.life is not None and each.life.until_ms]
    old = min(lives, key=lambda each: (each.life.until_ms if each.life is not None else 0, each.subscriber_id))
    assert old.life is not None
    cycle = catalogue.lifecycle_of(old.offer)
    if cycle is None:
        return _changed(account, old, replace(old, life=None), subscribers, "the offer has no life cycle", at_ms)
    zone = zone_for(old.subscriber_id, subscribers, catalogue)
    life = _entered(cycle, _behind(old.life.stage, cycle), old.life.until_ms, zone)
    if life.stage is Stage.RECYCLED:
        return _recycled(old, account, subscribers, life, at_ms, sessions)
    done = _changed(account, old, replace(old, life=life), subscribers, "its time was over", at_ms)
    assert done.account is not None
    seq, cause, whose = done.account.last_seq, f"subscriber in stage {life.stage.value}", (old.subscriber_id,)
    asked = (aborts if life.stage is Stage.EXPIRED else reauthorisations)(sessions, seq, cause, at_ms, whose)
    return replace(done, requests=asked)


def topped_up(decision: Decision, subscribers: Subscribers, catalogue: Catalogue, micros: int, at_ms: int) -> Decision:
    """The same decision with the subscribers of the account active for as long as a top-up of so much money makes them.

    It never shortens what they have. Who was not used yet, or is over, stays as it is.
    """
    if decision.account is None or decision.entry is None or micros <= 0:
        return decision
    changed, told = [], [decision.entry.reason] if decision.entry.reason else []
    for old in subscribers.values():
        cycle = catalogue.lifecycle_of(old.offer) if old.life is not None else None
        if cycle is None or old.life is None:
            continue
        life = _after_top_up(old.life, cycle, micros, at_ms, zone_for(old.subscriber_id, subscribers, catalogue))
        if life != old.life:
            changed.append(replace(old, life=life))
            told.append(_told(old, life, "topped up"))
    if not changed:
        return decision
    everyone = {**subscribers, **{each.subscriber_id: each for each in changed}}
    return replace(
        decision,
        account=_timed(decision.account, everyone.values()),
        subscribers=(*decision.subscribers, *changed),
        entry=replace(decision.entry, reason="; ".join(told)),
    )


def extend(
    command: ExtendSubscriber,
    account: Account,
    subscribers: Subscribers,
    catalogue: Catalogue,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Active for a period more: behind the end of an active life, else from now on.

    NOT_FOUND: no such subscriber. CONFLICT: its offer has no life cycle, its life has no end, or it is over.
    Gateways of its sessions that had nothing left are asked to come back.
    """
    old = subscribers.get(command.subscriber_id)
    if old is None:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    if catalogue.lifecycle_of(old.offer) is None:
        return refuse(Verdict.CONFLICT, f"offer {old.offer} has no life cycle")
    before = old.life
    if before is not None and before.stage is Stage.RECYCLED:
        return refuse(Verdict.CONFLICT, f"{old.subscriber_id} is recycled: its numbers may belong to somebody else")
    zone = zone_for(old.subscriber_id, subscribers, catalogue)
    is_active = before is not None and before.stage is Stage.ACTIVE
    if before is not None and is_active and not before.until_ms:
        return refuse(Verdict.CONFLICT, f"{old.subscriber_id} is active for good")
    from_ms = before.until_ms if before is not None and is_active else at_ms
    until_ms = ends(parse_period(command.period), from_ms, zone)
    life = Life(Stage.ACTIVE, before.since_ms if before is not None and is_active else at_ms, until_ms)
    new = replace(old, life=life)
    book = Book(account)
    if before is not None and before.stage is Stage.PRE_ACTIVE:
        start_waiting(book, old.subscriber_id, at_ms)
    retry_unpaid(book, at_ms)
    done = _changed(account, old, new, subscribers, command.reason, at_ms, book)
    assert done.account is not None
    own = [each for each in sessions if each.subscriber_id == old.subscriber_id]
    anything = Bucket("", UnitType.MONEY, 0)
    asked = requests_after_credit(own, anything, done.account.last_seq, "subscriber extended", at_ms)
    return replace(done, requests=asked) if done.account.status is Status.ACTIVE else done


def _born(new: Subscriber, catalogue: Catalogue, at_ms: int) -> Subscriber:
    cycle = catalogue.lifecycle_of(new.offer)
    if cycle is None:
        return new
    stage = Stage.ACTIVE if cycle.starts_active else Stage.PRE_ACTIVE
    zone = zone_for(new.subscriber_id, {new.subscriber_id: new}, catalogue)
    return replace(new, life=_entered(cycle, stage, at_ms, zone))


def _entered(cycle: Lifecycle, stage: Stage, at_ms: int, zone: ZoneInfo) -> Life:
    """A stage that begins at `at_ms`."""
    lengths = {
        Stage.PRE_ACTIVE: cycle.unused,
        Stage.ACTIVE: cycle.active,
        Stage.GRACE: cycle.grace,
        Stage.EXPIRED: cycle.expired,
    }
    return Life(stage, at_ms, ends(lengths.get(stage), at_ms, zone))


def _behind(stage: Stage, cycle: Lifecycle) -> Stage:
    """What time makes of a stage."""
    if stage is Stage.ACTIVE and cycle.grace is not None:
        return Stage.GRACE
    return Stage.RECYCLED if stage is Stage.EXPIRED else Stage.EXPIRED


def _after_top_up(life: Life, cycle: Lifecycle, micros: int, at_ms: int, zone: ZoneInfo) -> Life:
    returns = life.stage in (Stage.ACTIVE, Stage.GRACE) or (life.stage is Stage.EXPIRED and cycle.expired_returns)
    top_up = cycle.top_up_of(micros)
    if not returns or (cycle.top_ups and top_up is None):
        return life
    until_ms = ends(cycle.active if top_up is None else top_up.length, at_ms, zone)
    if life.stage is not Stage.ACTIVE:
        return Life(Stage.ACTIVE, at_ms, until_ms)
    is_longer = bool(life.until_ms) and (not until_ms or until_ms > life.until_ms)
    return replace(life, until_ms=until_ms) if is_longer else life


def _recycled(
    old: Subscriber,
    account: Account,
    subscribers: Subscribers,
    life: Life,
    at_ms: int,
    sessions: Iterable[Session],
) -> Decision:
    """The end: its names belong to nobody, and what was its own is forfeited; with the last one, all of the account."""
    others = [each for each in subscribers.values() if each.subscriber_id != old.subscriber_id]
    is_last = all(each.life is not None and each.life.stage is Stage.RECYCLED for each in others)
    book = Book(account)
    for bucket in book.buckets():
        if is_last or (bucket.terms is not None and bucket.terms.owners == (old.subscriber_id,)):
            book.forfeit(bucket.bucket_id, at_ms)
    book.owned = tuple(each for each in book.owned if not is_last and each.subscriber_id != old.subscriber_id)
    new = replace(old, identities=(), life=life)
    done = _changed(account, old, new, subscribers, "its time was over", at_ms, book)
    assert done.account is not None
    asked = aborts(sessions, done.account.last_seq, "subscriber recycled", at_ms, (old.subscriber_id,))
    return replace(done, requests=asked, released=old.identities)


def _changed(
    account: Account,
    old: Subscriber,
    new: Subscriber,
    subscribers: Subscribers,
    why: str,
    at_ms: int,
    book: Book | None = None,
) -> Decision:
    """One entry for one step of one life."""
    book = book or Book(account)
    everyone = {**subscribers, new.subscriber_id: new}
    after = _timed(book.account(), everyone.values())
    told = _told(old, new.life, why)
    entry = Entry(
        account.account_id, after.last_seq, at_ms, ENTRY_KIND, tuple(book.postings), old.subscriber_id, reason=told
    )
    data = {"account_id": account.account_id, "seq": after.last_seq}
    return Decision(Outcome(data=data), after, None, (new,), entry)


def _timed(account: Account, subscribers: Iterable[Subscriber]) -> Account:
    """The account with the next stage of any of its subscribers in its timer."""
    times = [each.life.until_ms for each in subscribers if each.life is not None and each.life.until_ms]
    return Book(replace(account, stages_ms=min(times, default=0))).account(entries=0)


def _told(old: Subscriber, life: Life | None, why: str) -> str:
    """'sub-1: active -> grace: its time was over'"""
    stages = ["none" if each is None else each.stage.value for each in (old.life, life)]
    return f"{old.subscriber_id}: {' -> '.join(dict.fromkeys(stages))}" + (f": {why}" if why else "")
