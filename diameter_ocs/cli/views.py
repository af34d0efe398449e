"""Records as facts for JSON and as tables for people."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.table import Table
from rich.text import Text

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.pool import members
from diameter_ocs.charging.session import Pool, Session
from diameter_ocs.cli.output import NEVER, instant, plain, table, when
from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber
from diameter_ocs.ledger.day_use import DayUse
from diameter_ocs.ledger.life import Life
from diameter_ocs.ledger.owned import Owned
from diameter_ocs.ledger.terms import BucketTerms, Limit
from diameter_ocs.storage.past import PastBalance
from diameter_ocs.storage.protocol import VersionedAccount
from diameter_ocs.values.money import format_money
from diameter_ocs.values.session_key import parts_of_key, told_key
from diameter_ocs.values.units import UnitType, format_quantity

Facts = dict[str, Any]
STYLES = {Status.ACTIVE: "green", Status.BLOCKED: "red"}


def amount(value: int, unit: UnitType, currency: str = "") -> str:
    """An amount of a bucket for people: '9.98 EUR', '1.5 GB'."""
    return format_money(value, currency) if unit is UnitType.MONEY else format_quantity(value, unit)


def status_text(status: Status) -> Text:
    return Text(status.value, style=STYLES[status])


def names(subscriber: Subscriber) -> str:
    """'msisdn 999555, imsi 00101...'"""
    return ", ".join(f"{name.kind.value} {plain(name.value)}" for name in subscriber.identities)


def account_facts(loaded: VersionedAccount) -> Facts:
    """All of an account, JSON-able. Amounts are whole units of their bucket; money in millionths."""
    account = loaded.account
    return {
        "account_id": account.account_id,
        "name": account.name,
        "status": account.status.value,
        "currency": account.currency,
        "created": instant(account.created_ms),
        "version": loaded.version,
        "open_sessions": account.open_sessions,
        "buckets": [bucket_facts(bucket) for bucket in account.buckets],
        "limits": [limit_facts(limit) for limit in account.limits],
        "products": [owned_facts(owned) for owned in account.owned],
        "subscribers": [subscriber_facts(subscriber) for subscriber in loaded.subscribers],
    }


def bucket_facts(bucket: Bucket) -> Facts:
    return {
        "bucket_id": bucket.bucket_id,
        "name": bucket.name,
        "unit": bucket.unit.value,
        "remaining": bucket.remaining,
        "reserved": bucket.reserved,
        "available": bucket.available,
        "priority": bucket.priority,
        "valid_from": instant(bucket.valid_from_ms),
        "valid_until": instant(bucket.valid_until_ms),
        "rating_groups": list(bucket.rating_groups),
        **({} if bucket.terms is None else {"terms": _terms_facts(bucket.terms)}),
    }


def _terms_facts(terms: BucketTerms) -> Facts:
    return {
        "owners": list(terms.owners),
        "services": list(terms.services),
        "blocking": terms.is_blocking,
        "overdraft": terms.overdraft,
        "pays_for": None if terms.pays_for is None else terms.pays_for.value,
        "factor": list(terms.factor),
        "destinations": list(terms.destinations),
        "networks": list(terms.networks),
        "bands": list(terms.bands),
    }


def limit_facts(limit: Limit) -> Facts:
    return {
        "name": limit.name,
        "unit": limit.unit.value,
        "maximum": limit.maximum,
        "subscriber_id": limit.subscriber_id or None,
        "used": limit.used,
        "reserved": limit.reserved,
        "since": instant(limit.since_ms),
        "until": instant(limit.until_ms or None),
    }


def subscriber_facts(subscriber: Subscriber) -> Facts:
    return {
        "subscriber_id": subscriber.subscriber_id,
        "account_id": subscriber.account_id,
        "status": subscriber.status.value,
        "offer": subscriber.offer,
        "time_zone": subscriber.time_zone or None,
        "segment": subscriber.segment or None,
        "period_use": [
            {"tariff": use.name, "units": use.units, "until": when(use.until_ms)} for use in subscriber.period_use
        ],
        **({} if subscriber.life is None else {"life": _life_facts(subscriber.life)}),
        "created": instant(subscriber.created_ms),
        "identities": [{"kind": name.kind.value, "value": name.value} for name in subscriber.identities],
        "day_use": [day_use_facts(use) for use in subscriber.day_use],
    }


def day_use_facts(use: DayUse) -> Facts:
    """What counts against a daily cap; units of the group."""
    day = date.fromordinal(use.day).isoformat()
    return {"group": use.group, "unit": use.unit.value, "day": day, "used": use.used, "promised": use.promised}


def _life_facts(life: Life) -> Facts:
    return {
        "stage": life.stage.value,
        "since": instant(life.since_ms),
        "until": instant(life.until_ms or None),
    }


def session_facts(session: Session) -> Facts:
    session_id, sub_session = parts_of_key(session.session_id)
    return {
        "session_id": session_id,
        "sub_session_id": sub_session,
        "account_id": session.account_id,
        "subscriber_id": session.subscriber_id,
        "status": session.status.value,
        "opened": instant(session.opened_ms),
        "last_request": instant(session.last_ms),
        "supervised_until": instant(session.expires_ms) if not session.closed_ms else None,
        "closed": instant(session.closed_ms),
        "close_reason": session.close_reason,
        "origin_host": session.origin_host,
        "service_context": session.service_context,
        "highest_request_number": session.highest_number,
        "conditions": condition_facts(session.conditions),
        "quotas": [
            {
                "rating_group": quota.rating_group,
                "service_identifiers": list(quota.service_identifiers),
                "unit": quota.unit.value,
                "granted": quota.granted,
                "used": quota.used_units,
                "charged_micros": quota.charged_micros,
                "final": quota.final,
                "pool": quota.pool.pool_id if quota.pool is not None else None,
            }
            for quota in session.quotas
        ],
        "pools": [
            {
                "pool": pool.pool_id,
                "reserved_micros": _reserved(pool),
                "promised_points": pool.promised,
                "points_per_micro": pool.per_micro,
                "multipliers": [
                    {"rating_group": quota.rating_group, "multiplier": share.multiplier}
                    for quota, share in members(session.quotas, pool.pool_id)
                ],
            }
            for pool in session.pools
        ],
    }


def condition_facts(conditions: Conditions) -> dict[str, str]:
    """What is known of the conditions of use, by name."""
    named = {name: getattr(conditions, name) for name in (*conditions.__struct_fields__, "visited_plmn")}
    return {name: plain(value) for name, value in named.items() if value}


def condition_lines(conditions: Conditions) -> str:
    """The same for people: 'apn internet, rat E-UTRAN, ...'; empty when nothing is known."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in condition_facts(conditions).items())


def past_facts(account: Account, past: PastBalance) -> Facts:
    """What an account held at a moment, JSON-able; names are those of today, where a bucket is still there."""
    names_now = {bucket.bucket_id: bucket.name for bucket in account.buckets}
    return {
        "account_id": account.account_id,
        "currency": account.currency,
        "at": instant(past.at_ms),
        "seq": past.seq,
        "buckets": [
            {
                "bucket_id": held.bucket_id,
                "name": names_now.get(held.bucket_id) or None,
                "unit": None if held.unit is None else held.unit.value,
                "remaining": held.remaining,
                "reserved": held.reserved,
                "available": held.available,
            }
            for held in past.buckets
        ],
    }


def past_table(account: Account, past: PastBalance) -> Table:
    """The same for people."""
    made = table("Buckets then", "bucket", "remaining", "reserved", "available", right=("remaining", "reserved"))
    for held in past.buckets:
        amounts = (held.remaining, held.reserved, held.available)
        unit = held.unit
        told = (str(each) if unit is None else amount(each, unit, account.currency) for each in amounts)
        made.add_row(held.bucket_id, *told)
    return made


def bucket_table(account: Account) -> Table:
    """Buckets in the order in which they are spent."""
    columns = ("bucket", "remaining", "reserved", "available", "priority", "for", "valid until")
    made = table("Buckets", *columns, right=columns[1:5])
    for bucket in account.buckets:
        values = (bucket.remaining, bucket.reserved, bucket.available)
        made.add_row(
            bucket.name or bucket.bucket_id,
            *(amount(value, bucket.unit, account.currency) for value in values),
            str(bucket.priority),
            _purpose(bucket, account.currency),
            when(bucket.valid_until_ms),
        )
    return made


def _purpose(bucket: Bucket, currency: str) -> str:
    """What binds a bucket, in words."""
    words = [f"groups {', '.join(map(str, bucket.rating_groups))}"] if bucket.rating_groups else []
    terms = bucket.terms or BucketTerms()
    if terms.services:
        words.append(", ".join(terms.services))
    for name, bound in (("to", terms.destinations), ("in", terms.networks), ("during", terms.bands)):
        if bound:
            words.append(f"{name} {', '.join(bound)}")
    if terms.owners:
        words.append(f"only {', '.join(terms.owners)}")
    if terms.pays_for is not None:
        own, other = terms.factor
        price = amount(own, bucket.unit, currency)
        words.append(f"also {terms.pays_for.value}, {price} for {other}")
    if terms.is_blocking:
        words.append("blocks what comes after it")
    if terms.overdraft:
        words.append(f"down to -{amount(terms.overdraft, bucket.unit, currency)}")
    return plain("; ".join(words)) or "all"


def owned_facts(owned: Owned) -> Facts:
    return {
        "owned_id": owned.owned_id,
        "product": owned.product,
        "subscriber_id": owned.subscriber_id or None,
        "state": owned.state.value,
        "bought": instant(owned.bought_ms),
        "period": owned.period,
        "next": instant(owned.next_ms or None),
        "unpaid_since": instant(owned.unpaid_since_ms or None),
    }


def owned_table(account: Account) -> Table:
    made = table("Products", "id", "product", "for", "state", "next")
    for owned in account.owned:
        member = plain(owned.subscriber_id) or "all"
        made.add_row(owned.owned_id, owned.product, member, owned.state.value, when(owned.next_ms or None))
    return made


def limit_table(account: Account) -> Table:
    columns = ("limit", "of", "most", "used", "reserved", "left", "starts anew")
    made = table("Limits", *columns, right=columns[2:6])
    for limit in account.limits:
        values = (limit.maximum, limit.used, limit.reserved, limit.room)
        made.add_row(
            limit.name,
            limit.subscriber_id or "all together",
            *(amount(value, limit.unit, account.currency) for value in values),
            when(limit.until_ms or None),
        )
    return made


def subscriber_table(
    subscribers: Sequence[Subscriber], title: str = "Subscribers", account: Account | None = None
) -> Table:
    """account: to tell what each has used of the limits that are its own."""
    zoned = any(subscriber.time_zone for subscriber in subscribers)
    lives = any(subscriber.life for subscriber in subscribers)
    used = limits_used(account) if account is not None else {}
    more = [
        *(["time zone"] if zoned else []),
        *(["stage", "until"] if lives else []),
        *(["used of its limits"] if used else []),
    ]
    made = table(title, "subscriber", "account", "status", "offer", "identities", *more)
    for subscriber in subscribers:
        made.add_row(
            subscriber.subscriber_id,
            subscriber.account_id,
            status_text(subscriber.status),
            subscriber.offer,
            names(subscriber),
            *([subscriber.time_zone or "operator's"] if zoned else []),
            *(_life_words(subscriber.life) if lives else []),
            *([used.get(subscriber.subscriber_id, NEVER)] if used else []),
        )
    return made


def day_use_table(subscribers: Sequence[Subscriber]) -> Table:
    """What counts against daily caps, on the last day with use."""
    made = table("Used of daily caps", "subscriber", "group", "day", "used", "out at gateways", right=("used",))
    for subscriber in subscribers:
        for use in subscriber.day_use:
            made.add_row(
                subscriber.subscriber_id,
                plain(use.group),
                date.fromordinal(use.day).isoformat(),
                amount(use.used, use.unit),
                amount(use.promised, use.unit),
            )
    return made


def limits_used(account: Account) -> dict[str, str]:
    """What members have used of limits of their own, by subscriber_id: '3.20 EUR of 5.00 EUR'."""
    found: dict[str, list[str]] = {}
    for limit in account.limits:
        if limit.subscriber_id:
            used, most = (amount(value, limit.unit, account.currency) for value in (limit.used, limit.maximum))
            found.setdefault(limit.subscriber_id, []).append(f"{used} of {most}")
    return {subscriber_id: ", ".join(told) for subscriber_id, told in found.items()}


def _life_words(life: Life | None) -> list[str]:
    return [NEVER, NEVER] if life is None else [life.stage.value, when(life.until_ms or None)]


def account_table(accounts: Sequence[VersionedAccount]) -> Table:
    columns = ("account", "status", "available", "subscribers", "open sessions", "name")
    made = table("Accounts", *columns, right=("subscribers", "open sessions"))
    for loaded in accounts:
        account = loaded.account
        made.add_row(
            account.account_id,
            status_text(account.status),
            available(account),
            str(len(loaded.subscribers)),
            str(account.open_sessions),
            plain(account.name),
        )
    return made


def available(account: Account) -> str:
    """What is left to spend, unit by unit: '9.50 EUR + 4.2 GB'."""
    sums: dict[UnitType, int] = {}
    for bucket in account.buckets:
        sums[bucket.unit] = sums.get(bucket.unit, 0) + bucket.available
    ordered = sorted(sums.items(), key=lambda each: each[0] is not UnitType.MONEY)
    return " + ".join(amount(value, unit, account.currency) for unit, value in ordered) or NEVER


def session_table(sessions: Sequence[Session]) -> Table:
    made = table("Sessions", "session", "account", "status", "opened", "last request", "groups", "used")
    for session in sessions:
        groups = ", ".join(group_name(quota.rating_group) for quota in session.quotas)
        made.add_row(
            plain(told_key(session.session_id)),
            session.account_id,
            session.status.value,
            when(session.opened_ms),
            when(session.last_ms),
            groups or NEVER,
            used(session),
        )
    return made


def request_facts(request: GatewayRequest) -> Facts:
    return {
        "request_id": request.request_id,
        "kind": request.kind.value,
        "rating_group": request.rating_group,
        "service_identifier": request.service_identifier,
        "pool": request.pool,
        "cause": request.cause,
        "created": instant(request.created_ms),
        "state": request.state.value,
        "tries": request.tries,
        "result_code": request.result_code or None,
    }


def request_table(requests: Sequence[GatewayRequest]) -> Table:
    """What the gateway was asked, and how far that is."""
    made = table("Requests to the gateway", "at", "request", "group", "cause", "state", "tries", "answer")
    for request in requests:
        made.add_row(
            when(request.created_ms),
            request.kind.value,
            _scope(request),
            plain(request.cause),
            request.state.value.replace("_", " "),
            str(request.tries),
            str(request.result_code or NEVER),
        )
    return made


def _scope(request: GatewayRequest) -> str:
    if request.pool is not None:
        return f"pool {request.pool}"
    return "all" if request.rating_group is None else str(request.rating_group)


def group_name(rating_group: int | None) -> str:
    """Of a gateway that names no group: 'none'."""
    return "none" if rating_group is None else str(rating_group)


def used(session: Session) -> str:
    """Everything the session used, unit by unit."""
    sums: dict[UnitType, int] = {}
    for quota in session.quotas:
        sums[quota.unit] = sums.get(quota.unit, 0) + quota.used_units
    return ", ".join(amount(value, unit) for unit, value in sums.items()) or NEVER


def pool_table(session: Session, currency: str) -> Table:
    """What the groups of each credit pool may still use together, and at which multipliers they do."""
    made = table("Credit pools", "pool", "out at the gateway", "groups x multiplier")
    for pool in session.pools:
        drawing = members(session.quotas, pool.pool_id)
        groups = ", ".join(f"{group_name(quota.rating_group)} x {share.multiplier}" for quota, share in drawing)
        made.add_row(str(pool.pool_id), format_money(_reserved(pool), currency), groups or NEVER)
    return made


def _reserved(pool: Pool) -> int:
    """Micro-units that stand behind the pool."""
    return sum(held.amount for held in pool.reservations)


def quota_table(session: Session, currency: str) -> Table:
    made = table("Rating groups", "group", "services", "out at the gateway", "used", "charged", "final")
    for quota in session.quotas:
        made.add_row(
            group_name(quota.rating_group),
            ", ".join(map(str, quota.service_identifiers)) or NEVER,
            amount(quota.granted, quota.unit, currency),
            amount(quota.used_units, quota.unit, currency),
            format_money(quota.charged_micros, currency),
            "yes" if quota.final else "",
        )
    return made
