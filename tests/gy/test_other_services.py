"""CCRs of events, calls and messages: what charging gets of them, by the table and by the strict codec."""

import pytest

from diameter_ocs.charging.event import Action
from diameter_ocs.charging.request import ServiceCredit, ServiceUnits
from diameter_ocs.errors import InvalidAvpValue, MissingAvp, ServiceContextUnknown
from diameter_ocs.gy.decode import CcrDecoder
from diameter_ocs.gy.services import ALL_SERVICES, SERVICES, Services
from diameter_ocs.gy.units import amount_in, cc_money, currency_name, currency_number, specific_units
from diameter_ocs.wire.codec import encode_avp
from diameter_ocs.wire.dictionary import default_dictionary
from tests.gy.test_decode import ccr, decoder, slow
from tests.support.vectors import octets_of

VECTORS = ("sms_ccr_e_debit", "sms_ccr_e_refund", "ccr_e_balance", "ccr_e_price", "ims_ccr_i")
SMS, IMS = "32274@3gpp.org", "32260@3gpp.org"


def event(*avps, action=0, **more):
    return decoder().decode(ccr(("Requested-Action", action), *avps, kind=4, **{"context": SMS} | more))


def information(*ims):
    return "Service-Information", [("IMS-Information", [("Node-Functionality", 6), *ims])]


@pytest.mark.parametrize("name", VECTORS)
def test_table_and_strict_codec_read_the_same(name):
    fast = decoder()
    fast._fast(octets_of(name))
    assert fast.decode(octets_of(name)) == slow(decoder()).decode(octets_of(name))


def test_the_examples():
    debit = decoder().decode(octets_of("sms_ccr_e_debit"))
    assert (debit.session, debit.is_command_level) == (None, False)
    assert debit.event.action is Action.DIRECT_DEBITING
    assert debit.event.credits == (ServiceCredit(100, (1,), ServiceUnits(events=1)),)
    assert debit.event.rated_as == "sms"
    refund = decoder().decode(octets_of("sms_ccr_e_refund")).event
    assert refund.credits[0].refund == bytes.fromhex("0badcafe00000001")
    balance = decoder().decode(octets_of("ccr_e_balance"))
    assert balance.is_command_level
    assert balance.event.credits[0].requested == ServiceUnits(money=50_000, currency="EUR")
    assert balance.event.credits[0].in_money
    price = decoder().decode(octets_of("ccr_e_price")).event
    assert price.credits == (ServiceCredit(None, (1,)),)
    call = decoder().decode(octets_of("ims_ccr_i")).session
    assert (call.rated_as, call.credits) == ("voice/originating", (ServiceCredit(200, (1,), ServiceUnits(seconds=60)),))


@pytest.mark.parametrize(
    ("members", "rated_as"),
    [
        ([], "sms"),
        ([("Originator-Interface", [("Interface-Type", 1)])], "sms/originating"),
        ([("Originator-Interface", [("Interface-Type", 3)])], "sms/originating"),
        ([("Originator-Interface", [("Interface-Type", 0)])], "sms"),
        ([("Destination-Interface", [("Interface-Type", 2)])], "sms/terminating"),
        ([("Recipient-Info", [("Destination-Interface", [("Interface-Type", 4)])])], "sms/terminating"),
        (
            [
                ("Originator-Interface", [("Interface-Type", 1)]),
                ("Recipient-Info", [("Destination-Interface", [("Interface-Type", 2)])]),
            ],
            "sms/originating",
        ),
    ],
)
def test_the_direction_of_a_message(members, rated_as):
    told = ("Service-Information", [("SMS-Information", [("SMS-Node", 3), *members])])
    assert event(told).event.rated_as == rated_as


def test_events_differ_by_everything_that_is_charged():
    rsu = ("Requested-Service-Unit", [("CC-Service-Specific-Units", 1)])
    more = ("Requested-Service-Unit", [("CC-Service-Specific-Units", 2)])
    made = [
        event(rsu),
        event(more),
        event(rsu, action=1),
        event(rsu, ("Service-Identifier", 2)),
        event(rsu, context=IMS),
        event(("Multiple-Services-Credit-Control", [rsu])),
        event(("Multiple-Services-Credit-Control", [rsu, ("Rating-Group", 3)])),
    ]
    assert len({each.event.fingerprint for each in made}) == len(made)
    assert event(rsu).event == event(rsu).event


@pytest.mark.parametrize(("action", "count"), [(0, 1), (1, 1), (2, 0), (3, 1)])
def test_an_event_without_units(action, count):
    """A debit, refund or price of what the server decides; a balance check asks for the balance alone."""
    assert len(event(action=action).event.credits) == count


def test_whom_an_event_needs():
    with pytest.raises(MissingAvp):
        event(subscription=False)
    assert event(action=3, subscription=False).event.identities == ()
    with pytest.raises(ServiceContextUnknown):
        event(context="1@example.org")


@pytest.mark.parametrize(
    ("ims", "rated_as"),
    [
        ((("Role-Of-Node", 0),), "voice/originating"),
        ((("Role-Of-Node", 1),), "voice/terminating"),
        ((("Role-Of-Node", 2),), "voice/forwarded"),
        ((("Role-Of-Node", 9),), "voice"),
        ((), "voice"),
        ((("IMS-Emergency-Indicator", 1), ("Role-Of-Node", 0)), "emergency"),
        ((("IMS-Emergency-Indicator", 0), ("Role-Of-Node", 0)), "voice/originating"),
        ((("Called-Party-Address", "URN:service:SOS"),), "emergency"),
        ((("Called-Party-Address", "urn:service:sos.fire"),), "emergency"),
        ((("Called-Party-Address", "urn:service:sosa"),), "voice"),
        ((("Called-Party-Address", "tel:+49112"),), "voice"),
    ],
)
def test_what_a_call_is_rated_as(ims, rated_as):
    assert decoder().decode(ccr(information(*ims), context=IMS)).session.rated_as == rated_as
    assert decoder().decode(ccr(context=IMS)).session.rated_as == "voice"
    assert decoder().decode(ccr(information(*ims))).session.rated_as == "data"


@pytest.mark.parametrize(
    ("context", "name"),
    [
        ("32251@3gpp.org", "data"),
        ("ext.01.001.8.32260@3gpp.org", "voice"),
        ("32275@3gpp.org", "voice"),
        ("32276@3GPP.org", "voice"),
        ("32274@3gpp.org", "sms"),
        ("32270@3gpp.org", "mms"),
        ("01.001.12.32271@3gpp.org", "other"),
        ("32272@3gpp.org", "other"),
    ],
)
def test_contexts(context, name):
    assert ALL_SERVICES.find(context).name == name
    assert ALL_SERVICES.find(context) is ALL_SERVICES.find(context)


def test_contexts_of_ones_own():
    contexts = {service.name: () for service in SERVICES} | {"other": ("parking@city.example",)}
    own = Services(SERVICES, contexts)
    assert own.find("parking@city.example").name == "other"
    assert own.find("32251@3gpp.org") is None
    made = CcrDecoder(default_dictionary(), own)
    assert made.decode(ccr(context="parking@city.example")).session.rated_as == "other"


def money(digits, exponent=None, currency=None):
    value = [("Value-Digits", digits)] + ([] if exponent is None else [("Exponent", exponent)])
    code = [] if currency is None else [("Currency-Code", currency)]
    return "CC-Money", [("Unit-Value", value), *code]


def test_amounts_are_read_in_any_order():
    name, (value, code) = money(1234, -2, 978)
    assert amount_in(encode_avp(name, [code, value], default_dictionary())) == (12_340_000, 978)
    assert amount_in(encode_avp(*money(5), default_dictionary())) == (5_000_000, None)
    assert amount_in(cc_money(-700_000, "EUR")) == (-700_000, 978)
    assert cc_money(50_000, "EUR") == encode_avp(*money(5, -2, 978), default_dictionary())
    assert amount_in(cc_money(1, "")) == (1, None)


def test_currencies():
    assert [currency_name(number) for number in (978, 4, None)] == ["EUR", "4", ""]
    assert [currency_number(name) for name in ("EUR", "4", "XXX")] == [978, 4, None]


def mscc(*tree):
    return "Multiple-Services-Credit-Control", list(tree)


def credit(*tree):
    return decoder().decode(ccr(mscc(*tree), kind=2)).session.credits[0]


def test_amounts_alone_make_a_credit_in_money():
    wish, used = ("Requested-Service-Unit", [money(1)]), ("Used-Service-Unit", [money(0)])
    octets = ("Used-Service-Unit", [("CC-Total-Octets", 1)])
    assert credit(wish).in_money
    assert credit(used).in_money
    assert credit(wish, used).in_money
    assert not credit(wish, octets).in_money
    assert not credit(octets, used).in_money
    assert not credit(("Requested-Service-Unit", [("CC-Time", 5)]), used).in_money
    assert credit(wish, octets).used == (ServiceUnits(octets=1),)


def test_more_units_than_anything_can_be_charged_for():
    many = 1 << 63
    with pytest.raises(InvalidAvpValue) as caught:
        credit(("Used-Service-Unit", [("CC-Service-Specific-Units", many)]))
    assert caught.value.failed_avp == specific_units(many)
