"""`ocs why`: a sentence for the subscriber, and everything for care, about a session, an event or a journal entry."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, plain, print_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from diameter_ocs.charging.why import Explained
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.journal import Entry
    from diameter_ocs.storage import Store
    from diameter_ocs.storage.protocol import VersionedAccount

ENTRY = re.compile(r"(?P<account>[A-Za-z0-9][A-Za-z0-9._-]{0,63})/(?P<seq>[1-9][0-9]{0,17})\Z")


@dataclass(frozen=True, slots=True)
class _Found:
    """whole: these entries are all of a session or event; else they end with the one that is asked about."""

    owner: "VersionedAccount"
    entries: "list[Entry]"
    is_whole: bool


def why(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="SESSION|ENTRY", help="A whole Session-Id in quotes, or ACCOUNT/NUMBER of an entry."),
    ],
    sub_session: options.SubSession = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Whose journal is searched for a session that is forgotten.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="A sentence for every entry of the session too.")] = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell why something was charged: in one sentence for the subscriber, or with --json in full for care.

    Works for sessions, one-time events, top-ups, purchases, renewals and expiries; by the journal alone, whatever
    the catalogue says today.

    Example: ocs why acme/17
    """
    from diameter_ocs.charging.sentence import sentence
    from diameter_ocs.charging.why import explain

    loaded = node.settings(context, config)
    found = node.run(_find(loaded, what, sub_session, account))
    explained = explain(found.entries, found.owner.account.buckets)
    told = explained if found.is_whole else explained[-1:]
    zone, currency = _zone(found.owner, told[0], node.catalogue(loaded).zone), found.owner.account.currency
    if as_json:
        facts = [_facts(entry) | {"sentence": sentence([entry], currency, zone)} for entry in told]
        print_json({"sentence": sentence(told, currency, zone), "currency": currency, "entries": facts})
        return
    out = console()
    out.print(plain(sentence(told, currency, zone)), soft_wrap=True)
    for entry in told if each else ():
        out.print(f"  {entry.account_id}/{entry.seq}: {plain(sentence([entry], currency, zone))}", soft_wrap=True)


async def _find(config: "Config", what: str, sub_session: int | None, account: str | None) -> _Found:
    from diameter_ocs.cli import lookup
    from diameter_ocs.values.session_key import session_key, told_key

    named = ENTRY.match(what)
    async with node.opened(config) as store:
        if named is not None and sub_session is None:
            return await _entry(store, named["account"], int(named["seq"]))
        key = session_key(what, sub_session)
        event = await lookup.event(store, key)
        if event is not None:
            return _Found(*event, is_whole=True)
        entries = list(await store.session_entries(key))
        if not entries and account is not None:
            entries = [each async for each in lookup.journal(store, account) if each.session_id == key]
        if not entries:
            where = "" if account is not None else "; --account ACCOUNT searches a journal for one that is forgotten"
            raise Failure(f"there is no session or event {told_key(key)}{where}")
        return _Found(await lookup.account(store, entries[0].account_id), entries, is_whole=True)


async def _entry(store: "Store", account_id: str, seq: int) -> _Found:
    """One entry, and those of its session before it."""
    from diameter_ocs.cli import lookup

    owner = await lookup.account(store, account_id)
    if seq > owner.account.last_seq:
        raise Failure(f"account {account_id} has {owner.account.last_seq} entries, no number {seq}")
    found = list(await store.entries(account_id, seq - 1, 1))
    if not found or found[0].seq != seq:
        raise Failure(f"the journal of account {account_id} lacks entry {seq}: see ocs audit", WRONG_USAGE)
    session_id = found[0].session_id
    earlier: list[Entry] = []
    if session_id and found[0].conditions is None:
        earlier = [each for each in await store.session_entries(session_id) if each.seq < seq]
        earlier = earlier or await lookup.earlier_in_session(store, found[0])
    return _Found(owner, [*earlier, *found], is_whole=False)


def _zone(owner: "VersionedAccount", entry: "Explained", otherwise: "ZoneInfo") -> "ZoneInfo":
    """By whose clocks times are told: the subscriber's, else the operator's."""
    from diameter_ocs.rating.local_time import time_zone

    names = {each.subscriber_id: each.time_zone for each in owner.subscribers}
    name = names.get(entry.subscriber_id, "")
    return time_zone(name) if name else otherwise


def _facts(entry: "Explained") -> dict[str, Any]:
    from msgspec import to_builtins

    from diameter_ocs.cli.output import instant
    from diameter_ocs.cli.views import condition_facts
    from diameter_ocs.values.session_key import parts_of_key
    from diameter_ocs.wire.result_code import result_code_of

    session_id, sub_session = parts_of_key(entry.session_id)
    plan = entry.plan
    return {
        "account_id": entry.account_id,
        "seq": entry.seq,
        "at": instant(entry.at_ms),
        "kind": entry.kind,
        "reason": entry.reason,
        "subscriber_id": entry.subscriber_id or None,
        "session_id": session_id or None,
        "sub_session_id": sub_session,
        "request_number": entry.request_number,
        "result_code": int(result_code_of(entry.verdict)),
        "detail": entry.detail,
        "version": None if plan is None else plan.version,
        "offer": None if plan is None else plan.offer,
        "service": None if plan is None else plan.service,
        "conditions": condition_facts(entry.conditions),
        "postings": [
            {
                "action": share.action.value,
                "bucket_id": share.bucket_id or None,
                "bucket_name": share.bucket or None,
                "amount": share.amount,
                "amount_unit": None if share.paid_in is None else share.paid_in.value,
                "remaining_before": share.had,
                "remaining_after": share.left,
                "rating_group": share.rating_group,
                "units": share.units,
                "unit": None if share.counted is None else share.counted.value,
                "rule": share.rule or None,
                "band": share.band or None,
                "price": None if share.rate is None else to_builtins(share.rate),
                "units_paid_before": share.paid_before,
                "steps": [to_builtins(line) for line in share.lines],
                "mark": share.mark or None,
                "not_rated_because": share.why or None,
            }
            for share in entry.shares
        ],
    }
