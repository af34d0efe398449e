"""Calls (SCUR) and messages with reservation (ECUR) over the wire, also as Kamailio's ims_charging writes them."""

import pytest

from diameter_ocs.ledger.account import Bucket, Status
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import SetAccountStatus
from diameter_ocs.values.units import UnitType
from tests.support.clients import FORWARDING, ORIGINATING, TERMINATING, Call, call, ims
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, group_codes, postings
from tests.support.ocs import code_of, data, groups, money, mscc, value

pytestmark = pytest.mark.asyncio(loop_scope="module")
SMS = "32274@3gpp.org"
RESERVED_FOR_A_MINUTE = 140_000
"""0.05 to set up and 0.09 for the first minute."""


def granted(answer):
    return [value(each, "Granted-Service-Unit", "CC-Time") for each in groups(answer)]


async def test_a_call_in_slices(line):
    """Connect fee once, first minute whole, then by the second; the bill does not depend on the slices."""
    await line.open(money(10_000_000))
    made = Call(line)
    answer = await made.ask(INITIAL, call(60), ims())
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(200, 2001)], [60])
    assert value(groups(answer)[0], "Service-Identifier") == 1
    assert await line.buckets() == {"money": (10_000_000, RESERVED_FOR_A_MINUTE)}
    answer = await made.ask(UPDATE, call(60, 55))
    assert granted(answer) == [60]
    assert await line.buckets() == {"money": (10_000_000 - 140_000, 55 * 1500)}
    answer = await made.ask(UPDATE, call(60, 60))
    assert await line.buckets() == {"money": (10_000_000 - 140_000 - 55 * 1500, 60 * 1500)}
    answer = await made.ask(TERMINATION, call(None, 10), ("Termination-Cause", 1))
    assert code_of(answer) == 2001
    assert await line.buckets() == {"money": (10_000_000 - 50_000 - 125 * 1500, 0)}


@pytest.mark.parametrize("report", [(), (call(None, 0),), (call(None),)])
async def test_a_call_that_is_not_answered_costs_nothing(line, report):
    """No usage, not even the connect fee."""
    await line.open(money(10_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), ims())
    assert code_of(await made.ask(TERMINATION, *report)) == 2001
    assert await line.buckets() == {"money": (10_000_000, 0)}


async def test_less_money_than_a_minute(line):
    """The first step cannot be paid: 4012. What pays for a bit more than it buys that, and it is final."""
    await line.open(money(139_999))
    answer = await Call(line, "poor").ask(INITIAL, call(60), ims())
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(200, 4012)], [None])
    richer = await Line(line.node, line.peer).open(money(140_000 + 30 * 1500 + 1499))
    made = Call(richer)
    answer = await made.ask(INITIAL, call(120), ims())
    assert granted(answer) == [90]
    assert value(groups(answer)[0], "Final-Unit-Indication", "Final-Unit-Action") == 0
    await made.ask(TERMINATION, call(None, 90))
    assert await richer.buckets() == {"money": (1499, 0)}


async def test_minutes_of_a_bundle(line):
    """Seconds in a bucket go first and have no connect fee."""
    await line.open(Bucket("minutes", UnitType.SECONDS, 100, priority=1), money(1_000_000))
    made = Call(line)
    assert granted(await made.ask(INITIAL, call(60), ims())) == [60]
    await made.ask(TERMINATION, call(None, 60))
    assert await line.buckets() == {"minutes": (40, 0), "money": (1_000_000, 0)}


@pytest.mark.parametrize(
    ("role", "cost"), [(ORIGINATING, 140_000), (TERMINATING, 0), (FORWARDING, 300_000), (None, 140_000), (7, 140_000)]
)
async def test_the_role_of_the_network_picks_the_rule(line, role, cost):
    """Also at the end, where nobody says it any more."""
    await line.open(money(1_000_000))
    made = Call(line)
    assert granted(await made.ask(INITIAL, call(30), ims(role=role))) == [30]
    await made.ask(TERMINATION, call(None, 30))
    assert await line.buckets() == {"money": (1_000_000 - cost, 0)}


@pytest.mark.parametrize("sign", [("IMS-Emergency-Indicator", 1), ("Called-Party-Address", "urn:service:sos.police")])
async def test_emergency_calls_are_free(line, sign):
    """Without money, for a blocked account, and for nobody known."""
    await line.open(money(0), offer="nameless")
    await line.node.engine.execute(SetAccountStatus(line.account_id, Status.BLOCKED, "test"))
    made = Call(line)
    answer = await made.ask(INITIAL, call(0), ims(sign))
    assert granted(answer) == [3600]
    assert code_of(await made.ask(UPDATE, call(0, 3600))) == 2001
    assert code_of(await made.ask(TERMINATION, call(None, 5))) == 2001
    assert await line.buckets() == {"money": (0, 0)}
    assert code_of(await Call(Line(line.node, line.peer)).ask(INITIAL, call(0), ims(sign))) == 4011


async def test_names_inside_of_service_information(line):
    """Kamailio puts the Subscription-Id there too."""
    await line.open(money(1_000_000))
    name, tree = ims()
    subscription = ("Subscription-Id", [("Subscription-Id-Type", 0), ("Subscription-Id-Data", f"+{line.msisdn}")])
    made = Call(line, leave=("Auth-Application-Id", "Subscription-Id"))
    answer = await made.ask(INITIAL, call(60), (name, [subscription, *tree]))
    assert granted(answer) == [60]


async def test_groups_of_services_do_not_collide(line):
    """Rating group 10 of data, of calls and of nothing at all in messages."""
    await line.open(data(100_000_000), money(1_000_000))
    await line.session("data").ask(INITIAL, mscc(10))
    assert granted(await Call(line).ask(INITIAL, call(60, group=10, services=()), ims())) == [60]
    message = await line.session("sms").ask(INITIAL, mscc(10), Service_Context_Id=SMS)
    assert group_codes(message) == [(10, 5031)]
    assert await line.buckets() == {"data-1": (100_000_000, 10_000_000), "money": (1_000_000, 140_000)}


async def test_the_rule_of_the_start_holds(line):
    """An update does not say the role again."""
    await line.open(money(1_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), ims(role=FORWARDING))
    late = await made.ask(UPDATE, call(60, 20))
    assert granted(late) == [60]
    assert (await line.buckets())["money"] == (800_000, 600_000)


# Video and forwarding ----------------------------------------------------------------------------


def sdp(line, kind=None):
    more = [] if kind is None else [("SDP-Type", kind)]
    return "SDP-Media-Component", [("SDP-Media-Name", line), ("SDP-Media-Description", "a=sendrecv"), *more]


SOUND, PICTURES = "m=audio 49170 RTP/AVP 97", "m=video 51372 RTP/AVP 99"
REFUSED_PICTURES = "m=video 0 RTP/AVP 99"
OFFER, ANSWER = 0, 1
MEDIA_COMPOSITION = 40
RATING_CONDITION_CHANGE = 6


def invite(*more, role=ORIGINATING, called="tel:+99955500303"):
    """IMS-Information as a telephony server writes it at an INVITE (TS 32.299 section 7.2.77)."""
    event = ("Event-Type", [("SIP-Method", "INVITE"), ("Expires", 1800)])
    stamps = ("Time-Stamps", [("SIP-Request-Timestamp", 1_790_000_000), ("SIP-Response-Timestamp", 1_790_000_001)])
    parties = ("Calling-Party-Address", "tel:+99955500301"), ("Called-Party-Address", called)
    return ims(event, ("User-Session-Id", "call-7@as.example.org"), *parties, stamps, *more, role=role)


VIDEO_MEDIA = [
    ([sdp(SOUND), sdp(PICTURES)], "video"),
    ([sdp("video 51372/2 RTP/AVP 99")], "video"),
    ([sdp("m=VIDEO 51372 RTP/AVP 99")], "video"),
    ([sdp(SOUND), sdp(REFUSED_PICTURES)], "voice"),
    ([sdp(SOUND, OFFER), sdp(PICTURES, OFFER), sdp(SOUND, ANSWER), sdp(REFUSED_PICTURES, ANSWER)], "voice"),
    ([sdp(SOUND, OFFER), sdp(PICTURES, OFFER), sdp(PICTURES, ANSWER)], "video"),
    ([sdp(SOUND)], "voice"),
    ([sdp("m=text 11000 RTP/AVP 98")], "voice"),
    ([sdp("")], "voice"),
    ([("SDP-Media-Component", [])], "voice"),
    ([], "voice"),
]


@pytest.mark.parametrize(("media", "service"), VIDEO_MEDIA)
async def test_the_media_of_a_call_pick_its_price(line, media, service):
    """A medium that was refused (port 0) is none, and what was answered beats what was offered."""
    await line.open(money(10_000_000))
    made = Call(line)
    assert granted(await made.ask(INITIAL, call(60), invite(*media))) == [60]
    reserved = {"voice": 50_000 + 90_000, "video": 50_000 + 300_000}[service]
    assert await line.buckets() == {"money": (10_000_000, reserved)}
    await made.ask(TERMINATION, call(None, 60), ("Termination-Cause", 1))
    assert await line.buckets() == {"money": (10_000_000 - reserved, 0)}


@pytest.mark.parametrize(("role", "cost"), [(ORIGINATING, 350_000), (TERMINATING, 0), (FORWARDING, 350_000)])
async def test_the_role_counts_for_video_too(line, role, cost):
    await line.open(money(1_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(30), invite(sdp(PICTURES), role=role))
    await made.ask(TERMINATION, call(None, 30))
    assert await line.buckets() == {"money": (1_000_000 - cost, 0)}


@pytest.mark.parametrize(("role", "cost"), [(ORIGINATING, 300_000), (TERMINATING, 0)])
async def test_an_offer_without_video_has_it_at_the_price_of_voice(line, role, cost):
    await line.open(money(1_000_000), offer="audio-only")
    made = Call(line)
    await made.ask(INITIAL, call(30), invite(sdp(PICTURES), role=role))
    await made.ask(TERMINATION, call(None, 30))
    assert await line.buckets() == {"money": (1_000_000 - cost, 0)}


async def change(made, used, *media, wants=60):
    """The CCR of a re-INVITE: usage until now, the trigger, the media from now on."""
    trigger = ("Trigger", [("Trigger-Type", MEDIA_COMPOSITION)])
    name, tree = call(wants, used, reason=RATING_CONDITION_CHANGE)
    return await made.ask(UPDATE, (name, [*tree, trigger]), invite(*media, role=None))


async def test_video_comes_and_goes_during_a_call(line):
    """Every second is paid at the price of the media it was spoken with; the call is set up once."""
    await line.open(money(10_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), invite(sdp(SOUND)))
    spent = 50_000 + 90_000
    answer = await change(made, 60, sdp(SOUND), sdp(PICTURES))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(200, 2001)], [60])
    assert await line.buckets() == {"money": (10_000_000 - spent, 60 * 5000)}
    answer = await made.ask(UPDATE, call(60, 40))
    spent += 40 * 5000
    assert await line.buckets() == {"money": (10_000_000 - spent, 60 * 5000)}
    await change(made, 10, sdp(SOUND), sdp(REFUSED_PICTURES))
    spent += 10 * 5000
    assert await line.buckets() == {"money": (10_000_000 - spent, 60 * 1500)}
    await made.ask(TERMINATION, call(None, 20), ("Termination-Cause", 1))
    assert await line.buckets() == {"money": (10_000_000 - spent - 20 * 1500, 0)}
    (session,) = await line.node.store.sessions(account_id=line.account_id, open_only=False)
    assert session.rated_as == "voice/originating"


async def test_a_change_is_charged_once_however_often_it_is_sent(line):
    await line.open(money(10_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), invite(sdp(SOUND)))
    first = await change(made, 60, sdp(PICTURES))
    assert granted(await made.session.repeat()) == granted(first) == [60]
    assert await line.buckets() == {"money": (10_000_000 - 140_000, 60 * 5000)}


async def test_video_that_cannot_be_paid(line):
    """The sound until now is debited, the video refused; nothing stays reserved."""
    await line.open(money(140_000 + 4999))
    made = Call(line)
    assert granted(await made.ask(INITIAL, call(60), invite(sdp(SOUND)))) == [63]
    answer = await change(made, 60, sdp(PICTURES))
    assert group_codes(answer) == [(200, 4012)]
    assert await line.buckets() == {"money": (4999, 0)}


async def test_a_change_that_asks_for_nothing(line):
    """The report of a group that ends: debited at the old price, nothing granted."""
    await line.open(money(1_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), invite(sdp(SOUND)))
    assert granted(await change(made, 60, sdp(PICTURES), wants=None)) == [None]
    assert await line.buckets() == {"money": (1_000_000 - 140_000, 0)}


async def test_a_received_call_that_gets_video_stays_free(line):
    """The direction of the start holds, although the update names none."""
    await line.open(money(1_000_000))
    made = Call(line)
    await made.ask(INITIAL, call(60), invite(sdp(SOUND), role=TERMINATING))
    assert granted(await change(made, 60, sdp(PICTURES))) == [60]
    await made.ask(TERMINATION, call(None, 30))
    assert await line.buckets() == {"money": (1_000_000, 0)}


async def test_an_emergency_call_with_video_stays_free(line):
    await line.open(money(0))
    made = Call(line)
    await made.ask(INITIAL, call(0), invite(sdp(SOUND), called="urn:service:sos"))
    assert granted(await change(made, 60, sdp(PICTURES), wants=0)) == [3600]
    await made.ask(TERMINATION, call(None, 30))
    assert await line.buckets() == {"money": (0, 0)}


async def test_the_forwarding_party_pays_for_a_forwarded_call(line):
    """Its Subscription-Id is in the CCR; caller and target, who have accounts here too, pay nothing for it."""
    await line.open(money(1_000_000))
    caller, target = [await Line(line.node, line.peer).open(money(1_000_000)) for _ in range(2)]
    made = Call(line)
    diversion = ("MMTel-Information", [("Supplementary-Service", [("MMTel-SService-Type", 6)])])
    parties = [
        ("Calling-Party-Address", f"tel:+{caller.msisdn}"),
        ("Requested-Party-Address", f"tel:+{line.msisdn}"),
        ("Called-Party-Address", f"tel:+{target.msisdn}"),
    ]
    asked = ims(("Event-Type", [("SIP-Method", "INVITE")]), *parties, diversion, sdp(SOUND), role=FORWARDING)
    assert granted(await made.ask(INITIAL, call(60), asked)) == [60]
    await made.ask(TERMINATION, call(None, 45), ims(("Cause-Code", 0), role=FORWARDING))
    assert await line.buckets() == {"money": (1_000_000 - 450_000, 0)}
    for other in (caller, target):
        assert await other.buckets() == {"money": (1_000_000, 0)}


# Messages with reservation ----------------------------------------------------------------------


def messages(wants=None, used=None, **more):
    tree = mscc(100, wants=None, services=(1,), **more)[1]
    if wants is not None:
        tree.insert(0, ("Requested-Service-Unit", [("CC-Service-Specific-Units", wants)]))
    if used is not None:
        tree.insert(0, ("Used-Service-Unit", [("CC-Service-Specific-Units", used)]))
    return "Multiple-Services-Credit-Control", tree


@pytest.mark.parametrize("delivered", [None, 0, 2, 3])
async def test_messages_to_several_recipients(line, delivered):
    """Reserve one for each, debit what was delivered, release the rest."""
    await line.open(money(1_000_000))
    session = line.session()
    answer = await session.ask(INITIAL, messages(3), Service_Context_Id=SMS)
    assert value(groups(answer)[0], "Granted-Service-Unit", "CC-Service-Specific-Units") == 3
    assert await line.buckets() == {"money": (1_000_000, 210_000)}
    more = () if delivered is None else (messages(used=delivered),)
    assert code_of(await session.ask(TERMINATION, *more, Service_Context_Id=SMS)) == 2001
    assert await line.buckets() == {"money": (1_000_000 - 70_000 * (delivered or 0), 0)}


async def test_a_message_that_cannot_be_paid(line):
    await line.open(money(69_999))
    answer = await line.session().ask(INITIAL, messages(1), Service_Context_Id=SMS)
    assert (code_of(answer), group_codes(answer)) == (2001, [(100, 4012)])
    assert await line.buckets() == {"money": (69_999, 0)}


async def test_an_amount_reserved_for_a_session(line):
    """CC-Money in a session: the amount is reserved, granted, and debited as reported."""
    await line.open(money(1_000_000))
    session = line.session()

    def euros(digits):
        return [("CC-Money", [("Unit-Value", [("Value-Digits", digits), ("Exponent", -2)]), ("Currency-Code", 978)])]

    answer = await session.ask(INITIAL, mscc(10, wants=euros(30)))
    grant = groups(answer)[0].first("Granted-Service-Unit").first("CC-Money")
    assert (value(grant, "Unit-Value", "Value-Digits"), value(grant, "Unit-Value", "Exponent")) == (3, -1)
    assert await line.buckets() == {"money": (1_000_000, 300_000)}
    report = ("Multiple-Services-Credit-Control", [("Used-Service-Unit", euros(21)), ("Rating-Group", 10)])
    await session.ask(UPDATE, report)
    assert await line.buckets() == {"money": (790_000, 0)}
    assert granted(await session.ask(TERMINATION, mscc(10, wants=None, used=1_000_000))) == [None]
    assert await line.buckets() == {"money": (770_000, 0)}


async def test_a_report_in_a_foreign_currency(line):
    """Nothing is converted: the usage stays on record, its reservation goes back."""
    await line.open(money(1_000_000))
    session = line.session()

    def amount(currency):
        return [("CC-Money", [("Unit-Value", [("Value-Digits", 1)]), ("Currency-Code", currency)])]

    await session.ask(INITIAL, mscc(10, wants=amount(978)))
    report = ("Multiple-Services-Credit-Control", [("Used-Service-Unit", amount(840)), ("Rating-Group", 10)])
    answer = await session.ask(TERMINATION, report)
    assert (code_of(answer), group_codes(answer)) == (2001, [(10, 5031)])
    assert await line.buckets() == {"money": (1_000_000, 0)}
    assert postings(await line.entries(), Action.UNRATED) == [(1_000_000, "")]
