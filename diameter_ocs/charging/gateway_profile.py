"""What one kind of gateway understands: its dialect of Gy, as data.

The defaults are a gateway that does everything RFC 8506 and TS 32.299 describe. Everybody reads the same value:
charging decides with it, gy/ writes answers with it, server/ knows from it what a request to the gateway brings about.
"""

from typing import Literal

from msgspec import Struct

from diameter_ocs.values.units import UnitType

FinalUnitWord = Literal["terminate", "redirect", "restrict"]
AddressWord = Literal["ipv4", "ipv6", "url", "sip_uri"]
FilterWord = Literal["ids", "rules"]
GroupCode = Literal[4010, 4011, 4012, 5003, 5004, 5006, 5031]


class GatewayProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The abilities of a gateway; the keys of a profile file are these names. about: one line for people.

    units: unit types of a grant that it counts; a group priced in another is refused.
    renews_equal_time: a grant of as many seconds as the one before starts anew; otherwise it gets a second less.
    single_service: a session has one service, so its refusal in a CCR-Initial is that of the session.
    group_codes: Result-Codes other than 2001 that it knows inside a Multiple-Services-Credit-Control (MSCC).
    Without 4011 such a group is granted free quota; any other code that is missing becomes 5031.
    uncontrolled_sessions: 4011 for the whole session lets it run; otherwise the session is granted free quota.
    success_code_in_groups: 2001 stands in every MSCC; otherwise only refusals have a Result-Code there.

    final_units: Final-Unit-Actions it carries out; others become 'terminate', and without that no
    Final-Unit-Indication is sent. final_units_at_first: also in the answer to a CCR-Initial.
    final_units_without_grant: also in an MSCC without a grant; otherwise that is 4012.
    redirect_addresses, restriction_filters: what a redirect may lead to, and how a restriction may be written:
    as Filter-Id or as Restriction-Filter-Rule. extended_final_units: QoS-Final-Unit-Indication may come beside it.

    thresholds, holding_time, triggers, time_counting, announcements: what of the quota policy is sent to it at all.
    session_notices: likewise what the offer says of the whole session.
    tariff_time_change: splits its report at a change of price; otherwise its quota ends at the change.
    pools: keeps credit pools, if it says Multiple-Services-Indicator 1; otherwise each group has a quota of its own.
    qos_information: heeds QoS-Information beside a grant; otherwise slow service is told as a restriction by Filter-Id.

    reauthorisation: after a Re-Auth-Request it asks again for the 'group' that is named, for the whole 'session', or
    the request is 'ignored'. reuses_numbers: the request that follows may have the CC-Request-Number of another one, so
    only the same number with the same content is a repeat. aborts: after an Abort-Session-Request it ends the session.
    """

    name: str = "generic"
    about: str = "a gateway that follows RFC 8506 and TS 32.299"
    units: tuple[UnitType, ...] = tuple(UnitType)
    renews_equal_time: bool = True
    single_service: bool = False
    group_codes: tuple[GroupCode, ...] = (4010, 4011, 4012, 5003, 5004, 5006, 5031)
    uncontrolled_sessions: bool = True
    success_code_in_groups: bool = True
    final_units: tuple[FinalUnitWord, ...] = ("terminate", "redirect", "restrict")
    final_units_at_first: bool = True
    final_units_without_grant: bool = True
    redirect_addresses: tuple[AddressWord, ...] = ("ipv4", "ipv6", "url", "sip_uri")
    restriction_filters: tuple[FilterWord, ...] = ("ids", "rules")
    extended_final_units: bool = True
    thresholds: bool = True
    holding_time: bool = True
    triggers: bool = True
    time_counting: bool = True
    announcements: bool = True
    session_notices: bool = True
    tariff_time_change: bool = True
    pools: bool = True
    qos_information: bool = False
    reauthorisation: Literal["group", "session", "ignored"] = "group"
    reuses_numbers: bool = False
    aborts: bool = True


GENERIC = GatewayProfile()
"""Whoever has no profile of its own. Compared by identity on the way of every request."""
