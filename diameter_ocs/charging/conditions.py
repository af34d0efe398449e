"""Under which conditions a service is used: what tariffs may look at (TS 32.299 §7.2.158)."""

from functools import lru_cache

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

MERGES_REMEMBERED = 4096


class Conditions(Struct, frozen=True, omit_defaults=True, gc=False, cache_hash=True):
    """The last known value of each; empty: never told.

    rat: name of a 3GPP-RAT-Type, such as 'E-UTRAN', or its number. serving_plmn: MCC and MNC of the serving
    node. location: 'TAI 00101-1A2B ECGI 00101-1A2B3C4', numbers in hexadecimal digits; for calls the
    access network information as the network wrote it. imei: 14 to 16 digits. time_zone: offset from UTC,
    daylight saving included, as '+02:00'. Parties are addresses as they came: 'sip:...', 'tel:...'.
    """

    apn: str = ""
    rat: str = ""
    serving_plmn: str = ""
    location: str = ""
    imei: str = ""
    charging_id: str = ""
    charging_characteristics: str = ""
    time_zone: str = ""
    calling_party: str = ""
    called_party: str = ""

    @property
    def visited_plmn(self) -> str:
        """The network that serves the user: of the serving node, else of the cell; empty when unknown."""
        if self.serving_plmn:
            return self.serving_plmn
        plmn = self.location.partition(" ")[2].partition("-")[0]
        return plmn if plmn.isdigit() else ""


UNKNOWN = Conditions()
_encode = Encoder().encode
_decode = Decoder(Conditions).decode


@lru_cache(MERGES_REMEMBERED)
def merged(known: Conditions, told: Conditions) -> Conditions:
    """`known` with what was told in its place: gateways often tell only what has changed.

    What brings nothing new gives `known` itself.
    """
    new = {name: value for name, value in _values(told) if value and value != getattr(known, name)}
    if not new:
        return known
    return Conditions(**{**dict(_values(known)), **new})


def as_kept(conditions: Conditions) -> Raw | None:
    """As the journal keeps them; None: nothing is known."""
    return None if conditions is UNKNOWN or conditions == UNKNOWN else Raw(_encode(conditions))


def read_conditions(raw: Raw) -> Conditions:
    """What the journal kept."""
    return _decode(raw)


def changes(before: Conditions, after: Conditions) -> str:
    """What is different, in words: 'rat E-UTRAN -> NR, time zone unknown -> +02:00'. Empty: nothing."""
    return ", ".join(
        f"{name.replace('_', ' ')} {getattr(before, name) or 'unknown'} -> {value}"
        for name, value in _values(after)
        if value != getattr(before, name)
    )


def _values(conditions: Conditions) -> list[tuple[str, str]]:
    return [(name, getattr(conditions, name)) for name in conditions.__struct_fields__]
