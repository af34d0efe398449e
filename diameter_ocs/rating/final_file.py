"""[final.NAME] of a catalogue file: what happens after the last unit."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from diameter_ocs.rating.file_values import BitRate, Seconds, SecondsOrNone, Table, Unsigned32
from diameter_ocs.rating.final_units import (
    LINK_TOKEN,
    AfterRestriction,
    FinalProfile,
    FinalUnitAction,
    RedirectAddressType,
    Throttle,
    check_filter_rule,
)

ACTIONS = {
    "terminate": FinalUnitAction.TERMINATE,
    "redirect": FinalUnitAction.REDIRECT,
    "restrict": FinalUnitAction.RESTRICT_ACCESS,
}
ADDRESS_TYPES = {
    "ipv4": RedirectAddressType.IPV4,
    "ipv6": RedirectAddressType.IPV6,
    "url": RedirectAddressType.URL,
    "sip uri": RedirectAddressType.SIP_URI,
}
Text = Annotated[str, Field(min_length=1, max_length=255)]


class FinalFile(Table):
    """[final.NAME]"""

    action: Literal["terminate", "redirect", "restrict", "slow"]
    address_type: Literal["ipv4", "ipv6", "url", "sip uri"] = "url"
    address: Annotated[str, Field(max_length=1024)] = ""
    filter_ids: list[Text] = []
    filter_rules: list[Text] = []
    validity: Seconds = 1800
    afterwards: Literal["again", "refuse"] = "again"
    qos_final_unit: bool = False
    announcement: Unsigned32 | None = None
    announcement_before_end: SecondsOrNone | None = None
    download: BitRate | None = None
    upload: BitRate | None = None


def final_profile(file: FinalFile) -> FinalProfile:
    """The profile, whether or not it makes sense: see `mistakes`."""
    throttle = None
    if file.action == "slow":
        throttle = Throttle(file.download, file.upload)
        action = FinalUnitAction.RESTRICT_ACCESS if file.filter_ids else FinalUnitAction.TERMINATE
    else:
        action = ACTIONS[file.action]
    return FinalProfile(
        action,
        ADDRESS_TYPES[file.address_type] if action is FinalUnitAction.REDIRECT else None,
        file.address,
        tuple(file.filter_ids),
        tuple(file.filter_rules),
        file.validity,
        AfterRestriction(file.afterwards),
        file.qos_final_unit,
        file.announcement,
        file.announcement_before_end,
        throttle,
    )


def mistakes(file: FinalFile) -> Iterator[tuple[str, str]]:
    """Key and rule of everything that does not fit together (RFC 8506 §8.34)."""
    if file.action == "terminate":
        if file.address or file.filter_ids or file.filter_rules or file.qos_final_unit:
            yield "action", "a final unit that terminates has no address, filters or qos_final_unit"
    elif file.action == "slow":
        if file.address or file.filter_rules or file.qos_final_unit:
            yield "action", "slow has speeds and filter_ids only"
        if file.download is None and file.upload is None:
            yield "download", "say how slow: download or upload, such as '1 Mbit/s'"
    elif file.action == "restrict":
        if file.address:
            yield "address", "only action = 'redirect' has an address"
        if not (file.filter_ids or file.filter_rules):
            yield "filter_ids", "say what stays allowed: filter_ids or filter_rules"
    else:
        problem = _address_problem(file)
        if problem:
            yield "address", problem
    if file.action != "slow" and (file.download is not None or file.upload is not None):
        yield "download", "only action = 'slow' has speeds"
    for rule in file.filter_rules:
        try:
            check_filter_rule(rule)
        except ValueError as error:
            yield "filter_rules", str(error)
    if file.qos_final_unit and file.filter_rules:
        yield "qos_final_unit", "it cannot carry filter_rules: name filter_ids that the gateway knows"
    if file.announcement_before_end is not None and file.announcement is None:
        yield "announcement_before_end", "there is no announcement"


def _address_problem(file: FinalFile) -> str:
    text = file.address
    if not text:
        return "action = 'redirect' needs the address of a server"
    if LINK_TOKEN in text and file.address_type != "url":
        return f"{LINK_TOKEN} can stand in a URL only"
    try:
        if file.address_type == "ipv4":
            IPv4Address(text)
        elif file.address_type == "ipv6":
            IPv6Address(text)
        elif file.address_type == "url":
            parts = urlsplit(text)
            if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or " " in text:
                return f"{text!r} is not a URL such as 'https://topup.example.net/{LINK_TOKEN}'"
            if text.count(LINK_TOKEN) > 1 or LINK_TOKEN in parts.netloc:
                return f"{LINK_TOKEN} stands once, behind the server's name"
        elif not text.lower().startswith(("sip:", "sips:")) or "@" not in text:
            return f"{text!r} is not a SIP URI such as 'sip:topup@example.net'"
    except ValueError:
        return f"{text!r} is not an address of type {file.address_type}"
    return ""
