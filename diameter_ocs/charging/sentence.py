"""What a subscriber is told about a charge: one plain sentence in English, made of what the journal explains."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from diameter_ocs.charging.why import Explained, Share, in_all
from diameter_ocs.ledger.journal import Action
from diameter_ocs.rating.breakdown import CONNECT, FIRST, NEXT, ROUNDING, STEPS, TIER, Line
from diameter_ocs.values.money import format_money
from diameter_ocs.values.units import UnitType, format_quantity

AT_A_PRICE = frozenset({STEPS, NEXT, TIER})
BEGINNINGS = {
    "ccr_initial": "{service} began",
    "ccr_update": "{service} went on",
    "ccr_termination": "{service} ended",
    "session_expired": "{service} was closed, as nothing was heard of it",
    "session_aborted": "{service} was closed",
    "account_created": "the account was opened",
    "credit": "credit was added",
    "event_refund": "a charge was given back",
    "buckets_expired": "the time of credit was over",
    "product_bought": "you bought {product}",
    "product_renewed": "{product} was renewed",
    "product_unpaid": "{product} could not be paid",
    "product_cancelled": "{product} was cancelled",
    "product_ended": "{product} ended",
}
"""What happened, by kind of entry; other kinds are told by their name."""
MOVED = {
    Action.CREDIT: "{amount} added to {bucket}",
    Action.EXPIRE: "{amount} of {bucket} expired",
    Action.WITHDRAW: "{amount} taken out of {bucket}",
    Action.DEBIT: "{amount} paid from {bucket}",
}
SERVICES = {
    "data": "internet",
    "sms": "text messages",
    "mms": "picture messages",
    "voice": "calls",
    "video": "video calls",
}
MESSAGES = {"sms": "text message", "mms": "picture message"}
STEP_NAMES = {
    (UnitType.OCTETS, 1000): "kB",
    (UnitType.OCTETS, 1000**2): "MB",
    (UnitType.OCTETS, 1000**3): "GB",
    (UnitType.SECONDS, 1): "second",
    (UnitType.SECONDS, 60): "minute",
    (UnitType.SECONDS, 3600): "hour",
}
MARKS = {
    "overuse": "beyond what was granted",
    "late": "reported late",
    "assumed": "assumed to be used, as nothing was reported",
    "carried over": "it goes on in the next period",
}
SECONDS_PER_MINUTE, SECONDS_PER_HOUR = 60, 3600


def sentence(explained: Sequence[Explained], currency: str, zone: ZoneInfo) -> str:
    """One sentence about all of these entries of one session, event or command, in order. At least one."""
    first, shares = explained[0], in_all(explained)
    at = datetime.fromtimestamp(first.at_ms / 1000, zone)
    when = f"On {at.day} {at:%B %Y at %H:%M}"
    if shares:
        told = "; ".join(_share(share, _service(first), currency, len(shares) == 1) for share in shares)
        return f"{when} you {_used(shares, first, currency)}: {told}."
    what = _beginning(explained[-1])
    moved = [_moved(share, currency) for each in explained for share in each.shares if share.action in MOVED]
    if moved:
        return f"{when} {what}: {'; '.join(moved)}."
    return f"{when} {what}; nothing was charged."


def _service(explained: Explained) -> str:
    """'voice' of 'voice/originating'; of entries that do not tell, 'data'."""
    told = explained.plan.service if explained.plan is not None else explained.reason if _is_event(explained) else ""
    return told.partition("/")[0] or "data"


def _is_event(explained: Explained) -> bool:
    return explained.kind in ("event_debit", "event_refund")


def _beginning(explained: Explained) -> str:
    text = BEGINNINGS.get(explained.kind, explained.kind.replace("_", " "))
    product = explained.plan.offer if explained.plan is not None else explained.reason.partition(":")[0]
    service = _service(explained)
    return text.format(service=f"your use of {SERVICES.get(service, service)}", product=product)


def _used(shares: Iterable[Share], first: Explained, currency: str) -> str:
    """'used 18 MB of internet', 'made a call to +49... of 1 min 35 s', 'sent 3 text messages'."""
    service = _service(first)
    totals: dict[UnitType, int] = {}
    for share in shares:
        if share.counted is not None:
            totals[share.counted] = totals.get(share.counted, 0) + share.units
    amounts = " and ".join(quantity(units, unit, currency) for unit, units in totals.items())
    _, _, direction = (first.plan.service if first.plan is not None else "").partition("/")
    told = first.conditions
    if service in ("voice", "video"):
        other = told.calling_party if direction == "terminating" else told.called_party
        spoke = "received a call" if direction == "terminating" else "made a call"
        peer = ("from " if direction == "terminating" else "to ") + number(other) if other else ""
        return " ".join(part for part in (spoke, peer, f"of {amounts}") if part)
    if service in MESSAGES and set(totals) == {UnitType.EVENTS}:
        count = totals[UnitType.EVENTS]
        verb = "received" if direction == "terminating" else "sent"
        to = f" to {number(told.called_party)}" if told.called_party and verb == "sent" else ""
        return f"{verb} {count} {MESSAGES[service]}{'' if count == 1 else 's'}{to}"
    return f"used {amounts} of {SERVICES.get(service, service)}"


def number(party: str) -> str:
    """A party of a call or message as a person would write it: 'tel:+49151' as '+49151'."""
    return party.partition(":")[2] or party


def quantity(units: int, unit: UnitType, currency: str) -> str:
    """'12 MB', '1 min 35 s', '3', '0.12 EUR'."""
    if unit is UnitType.MONEY:
        return format_money(units, currency)
    if unit is not UnitType.SECONDS or units < SECONDS_PER_MINUTE:
        return format_quantity(units, unit)
    hours, rest = divmod(units, SECONDS_PER_HOUR)
    minutes, seconds = divmod(rest, SECONDS_PER_MINUTE)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {name}" for count, name in parts if count)


def _share(share: Share, service: str, currency: str, is_all: bool) -> str:
    counted = share.counted or UnitType.OCTETS
    used = quantity(share.units, counted, currency)
    mark = f", {MARKS[share.mark]}" if share.mark in MARKS else ""
    if share.action is Action.FREE:
        return f"{used} free of charge{mark}"
    if share.action is Action.UNRATED:
        return f"{used} not charged: {share.why}"
    left = "" if share.left is None else f" ({quantity(share.left, share.paid_in or counted, currency)} left)"
    if share.rate is None and share.paid_in is counted:
        return f"{used} from {_named(share)}{left}{mark}"
    paid = quantity(share.amount, share.paid_in or UnitType.MONEY, currency)
    told = _priced(share, used, counted, service, currency, is_all)
    band = f", {band_words(share.band)}" if share.band else ""
    if share.action is Action.RATED:
        return f"{told} = {paid}, paid elsewhere{band}{mark}"
    return f"{told} = {paid} from {_named(share)}{left}{band}{mark}"


def _priced(share: Share, used: str, counted: UnitType, service: str, currency: str, is_all: bool) -> str:
    """'6 MB at 0.02 EUR per MB', '95 s: connect fee 0.05 EUR + first 1 min 0.09 EUR + ...'."""
    paid_in = share.paid_in or UnitType.MONEY
    if share.rate is None:
        return used
    if not share.lines:
        return f"{used} within what was paid before"
    if len(share.lines) == 1 and share.lines[0].kind in AT_A_PRICE:
        return f"{used} at {_price(share.lines[0], counted, paid_in, service, currency)}"
    told = " + ".join(line_words(line, counted, paid_in, service, currency) for line in share.lines)
    return told if is_all else f"{used}: {told}"


def line_words(line: Line, counted: UnitType, paid_in: UnitType, service: str, currency: str) -> str:
    """One line of a price."""
    amount = quantity(line.amount, paid_in, currency)
    if line.kind == CONNECT:
        return f"connect fee {amount}"
    if line.kind == FIRST:
        return f"first {quantity(line.units, counted, currency)} {amount}"
    if line.kind in AT_A_PRICE:
        above = f" above {quantity(line.above_units, counted, currency)}" if line.above_units else ""
        units = quantity(line.units, counted, currency)
        return f"{units}{above} at {_price(line, counted, paid_in, service, currency)}"
    return f"{line.kind} {amount}" if line.kind != ROUNDING else f"rounding {amount}"


def _price(line: Line, counted: UnitType, paid_in: UnitType, service: str, currency: str) -> str:
    """'0.02 EUR per MB'."""
    price = quantity(line.step_micros, paid_in, currency)
    return f"{price} per {step_words(line.step_units, counted, service)}"


def step_words(step_units: int, counted: UnitType, service: str = "") -> str:
    """'MB', 'minute', '10 s', 'text message'."""
    if counted is UnitType.EVENTS:
        name = MESSAGES.get(service.partition("/")[0], "event")
        return name if step_units == 1 else f"{step_units} {name}s"
    return STEP_NAMES.get((counted, step_units)) or format_quantity(step_units, counted)


def band_words(band: str) -> str:
    """'night price', 'price of 20:00-24:00'."""
    return f"price of {band}" if band[:1].isdigit() else f"{band} price"


def _moved(share: Share, currency: str) -> str:
    unit = share.paid_in or UnitType.MONEY
    text = MOVED[share.action].format(amount=quantity(share.amount, unit, currency), bucket=_named(share))
    left = "" if not share.left else f" ({quantity(share.left, unit, currency)} left)"
    mark = f", {MARKS[share.mark]}" if share.mark in MARKS else ""
    return f"{text}{left}{mark}"


def _named(share: Share) -> str:
    if not share.bucket and share.paid_in is UnitType.MONEY:
        return "your balance"
    return f"'{share.bucket or share.bucket_id}'"
