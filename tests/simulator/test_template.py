"""Patched octets must be the same as those of a CCR built the long way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import Report, Request, Subscriber, TerminationCause
from diameter_ocs.simulator.dialect import THREE_GPP, Origin
from diameter_ocs.simulator.load_slot import Slot
from diameter_ocs.simulator.message import decode, encode_ccr
from diameter_ocs.simulator.template import FIRST_LOW, LAST_LOW, SECONDS_PER_REPORT, CcrTemplate, event_timestamp
from diameter_ocs.wire.codec import Avp
from diameter_ocs.wire.header import PROXIABLE, REQUEST, RETRANSMIT

ORIGIN = Origin(state_id=1_767_225_600)
MODEL = Subscriber("99955500101", "001010000000101")
SERVER = "ocs01.ocs.mnc001.mcc001.3gppnetwork.org"
STARTED = 1_767_225_600


def slot_of(low: int, number: int, at: int, subscriber: Subscriber, reports: list[tuple[int, int]]) -> Slot:
    slot = Slot(len(reports))
    slot.begin(low, 0, subscriber.msisdn.encode(), subscriber.imsi.encode(), 5)
    slot.number, slot.at, slot.end_to_end = number, event_timestamp(at), 0xCAFE0001
    slot.used = [used for used, _ in reports]
    slot.reasons = [reason for _, reason in reports]
    return slot


def same_request(
    kind: RequestType, slot: Slot, subscriber: Subscriber, groups: tuple[int, ...], session_id: str
) -> Request:
    """What the slot stands for, as a request for the ordinary road."""
    seconds = SECONDS_PER_REPORT
    pairs = list(zip(groups, slot.used, slot.reasons, strict=True))
    reports = {
        RequestType.INITIAL: [Report(group, asks=True) for group in groups],
        RequestType.UPDATE: [Report(group, True, used, ReportingReason(why), seconds) for group, used, why in pairs],
        RequestType.TERMINATION: [
            Report(group, False, used, ReportingReason.FINAL, seconds) for group, used, _ in pairs
        ],
    }
    return Request(
        session_id,
        kind,
        slot.number,
        subscriber,
        tuple(reports[kind]),
        "" if kind is RequestType.INITIAL else SERVER,
        TerminationCause.LOGOUT if kind is RequestType.TERMINATION else None,
    )


def tree(avps: tuple[Avp, ...]) -> list[Any]:
    """Names, flags and values; Start-Time is left out, as a template says when the run began."""
    return [
        (avp.code, avp.vendor, avp.flags, avp.value, tree(avp.children)) for avp in avps if avp.name != "Start-Time"
    ]


DIGITS = st.text("0123456789", min_size=11, max_size=11)
IMSIS = st.text("0123456789", min_size=15, max_size=15)
USAGE = st.tuples(st.integers(0, 2**64 - 1), st.sampled_from([0, 3]))


@given(
    kind=st.sampled_from([RequestType.INITIAL, RequestType.UPDATE, RequestType.TERMINATION]),
    low=st.integers(FIRST_LOW, LAST_LOW),
    number=st.integers(0, 2**32 - 1),
    at=st.integers(1_700_000_000, 2_000_000_000),
    subscriber=st.builds(Subscriber, DIGITS, IMSIS),
    reports=st.lists(USAGE, min_size=1, max_size=4),
    resent=st.booleans(),
)
def test_a_patched_template_is_the_ccr_built_the_long_way(
    kind: RequestType,
    low: int,
    number: int,
    at: int,
    subscriber: Subscriber,
    reports: list[tuple[int, int]],
    resent: bool,
) -> None:
    groups = tuple(range(10, 10 + 10 * len(reports), 10))
    slot = slot_of(low, number, at, subscriber, reports)
    template = CcrTemplate(kind, ORIGIN, MODEL, groups, SERVER, STARTED)
    flags = REQUEST | PROXIABLE | (RETRANSMIT if resent else 0)
    template.fill(slot, flags, 0x1234)
    patched = decode(bytes(template.octets))
    session_id = THREE_GPP.session_id(ORIGIN, low, subscriber)
    built = encode_ccr(
        same_request(kind, slot, subscriber, groups, session_id), THREE_GPP, ORIGIN, at, 0x1234, 0xCAFE0001
    )
    assert patched.header == decode(built).header._replace(flags=flags)
    assert tree(patched.avps) == tree(decode(built).avps)


def test_one_template_serves_one_session_after_another() -> None:
    template = CcrTemplate(RequestType.UPDATE, ORIGIN, MODEL, (10, 20), SERVER, STARTED)
    big = slot_of(LAST_LOW, 2**32 - 1, STARTED, Subscriber("9" * 11, "9" * 15), [(2**64 - 1, 3), (2**64 - 1, 3)])
    small = slot_of(FIRST_LOW, 0, STARTED, MODEL, [(0, 0), (0, 0)])
    fresh = CcrTemplate(RequestType.UPDATE, ORIGIN, MODEL, (10, 20), SERVER, STARTED)
    for slot in (big, small):
        template.fill(slot, REQUEST, 1)
    fresh.fill(small, REQUEST, 1)
    assert template.octets == fresh.octets


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [(RequestType.INITIAL, 900, 1100), (RequestType.UPDATE, 800, 1050), (RequestType.TERMINATION, 800, 1050)],
)
def test_messages_have_the_size_of_real_ones(kind: RequestType, least: int, most: int) -> None:
    assert least <= len(CcrTemplate(kind, ORIGIN, MODEL, (10, 20), SERVER, STARTED).octets) <= most
