"""CCR bytes to a SessionRequest: what charging needs, strictly checked.

The table-driven layout reads well-formed requests; anything odd goes through the strict codec, which
raises the exact MessageError or decodes the slow way. Contents that come again and again (Subscription-Id,
Service-Information) are checked once and remembered.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any
from zlib import crc32

from msgspec import Struct
from msgspec.json import encode

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.charging.event import Action, EventRequest
from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.errors import (
    AvpOccursTooManyTimes,
    ContradictingAvps,
    InvalidAvpValue,
    MissingAvp,
    RatingInputUnknown,
    ServiceContextUnknown,
)
from diameter_ocs.gy.conditions import ConditionsReader
from diameter_ocs.gy.gateways import Gateways
from diameter_ocs.gy.last_report import readable_termination
from diameter_ocs.gy.services import Services
from diameter_ocs.gy.units import with_other_units
from diameter_ocs.rating.catalogue import DATA
from diameter_ocs.values.identity import Identity, IdentityKind, identity
from diameter_ocs.values.session_key import MARK, session_key
from diameter_ocs.wire.codec import Avp, Message, decode_avps, decode_message
from diameter_ocs.wire.definition import MANDATORY_FLAG, example_avp, pack_avp
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.header import HEADER_OCTETS
from diameter_ocs.wire.layout import Compiler, Layout, Odd, Op, Values, decode, from_avps

APPLICATION = 4
SESSION_ID_CODE = b"\0\0\1\7"
"""Session-Id (263) must be the first AVP."""
HEADER_OCTETS_OF_AVP = 8
NO_CONTENT = b"\0\0\x08"
"""Length of an AVP with nothing behind its header."""
VENDOR_HEADER_OCTETS = 12
MEMO_LIMIT = 32_768
"""Contents remembered as right; a full memo starts anew."""
MEMO_OCTETS = 2048
"""Longer contents are checked every time: remembering them would cost more memory than they are worth."""
MAX_NAME_OCTETS = 255
"""Diameter names, realms and contexts are stored with every session; none is longer (RFC 1035 §2.3.4)."""
MAX_SESSION_ID_OCTETS = 1024
"""A Session-Id is stored with every journal entry; those of gateways have about 60 octets."""
MAX_SERVICE_IDENTIFIERS = 64
"""Service-Identifiers of one quota: they are its key and are stored with it."""
MULTIPLE_SERVICES_SUPPORTED = 1
"""Multiple-Services-Indicator (RFC 8506 §8.40)."""
MAX_CREDITS = 128
"""Services in one request; no gateway needs half of it."""

KIND_OF_TYPE = {
    0: IdentityKind.E164,
    1: IdentityKind.IMSI,
    2: IdentityKind.SIP_URI,
    3: IdentityKind.NAI,
    4: IdentityKind.PRIVATE,
}
EXTENSION_KINDS = {
    "Subscription-Id-E164": IdentityKind.E164,
    "Subscription-Id-IMSI": IdentityKind.IMSI,
    "Subscription-Id-SIP-URI": IdentityKind.SIP_URI,
    "Subscription-Id-NAI": IdentityKind.NAI,
    "Subscription-Id-Private": IdentityKind.PRIVATE,
}
REQUEST_TYPES = {int(each): each for each in RequestType}
UNITS = (
    "CC-Total-Octets",
    "CC-Input-Octets",
    "CC-Output-Octets",
    "CC-Time",
    "CC-Money",
    "CC-Service-Specific-Units",
)
COMMAND_RAW = ("Session-Id", "Subscription-Id", "Subscription-Id-Extension", "Service-Information")
COMMAND_PARAMETERS = "Service-Parameter-Info"
IN_LAST_REPORT = (
    "Session-Id",
    "CC-Sub-Session-Id",
    "CC-Request-Number",
    "Termination-Cause",
    "Service-Identifier",
    "Service-Context-Id",
    "Origin-Host",
    "Origin-Realm",
)
COMMAND_TEXT = (
    "Origin-Host",
    "Origin-Realm",
    "Destination-Realm",
    "Destination-Host",
    "Service-Context-Id",
    "User-Name",
)
COMMAND_NUMBERS = (
    "Auth-Application-Id",
    "CC-Request-Type",
    "CC-Request-Number",
    "Service-Identifier",
    "Origin-State-Id",
)
COMMAND_ENUMERATIONS = ("Termination-Cause", "Requested-Action", "Multiple-Services-Indicator")
COMMAND_CHECKED = ("Proxy-Info", "CC-Sub-Session-Id", "Vendor-Specific-Application-Id", "User-Equipment-Info")

Wanted = dict[str, tuple[Op, Layout | None]]
ANY_UNITS = ServiceUnits()
"""An empty Requested-Service-Unit: more of the same."""
NO_UNITS: Mapping[int, bytes] = MappingProxyType({})


class CreditControlRequest(Struct, frozen=True, gc=False):
    """A decoded CCR: what charging gets, and what the answer repeats.

    session: None for an EVENT_REQUEST, which has `event`. session_id_avp, proxy_infos, sub_session: AVPs as received.
    is_command_level: units stood outside of any Multiple-Services-Credit-Control, and so will the answer's.
    strange_units: by index of the credit, the AVP of a unit type that may have no price here.
    origin_state: Origin-State-Id; 0: none.
    """

    session_id_avp: bytes
    request_type: int
    request_number: int
    destination_realm: str
    destination_host: str | None
    session: SessionRequest | None
    proxy_infos: Sequence[bytes] = ()
    sub_session: bytes = b""
    is_command_level: bool = False
    strange_units: Mapping[int, bytes] = NO_UNITS
    event: EventRequest | None = None
    origin_state: int = 0


class _Slots(Struct, frozen=True):
    """Where the layout of the command keeps what is read by name."""

    take: Callable[[Values], tuple[Any, ...]]
    session_id: int
    application: int
    subscriptions: int
    extensions: int
    information: int
    user_name: int


class CcrDecoder:
    """Decodes CCRs of application 4.

    preference: kinds of identity in the order in which subscribers are looked up; kinds not named come last.
    gateways: profiles by Origin-Host.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        services: Services,
        preference: Sequence[IdentityKind] = tuple(IdentityKind),
        gateways: Gateways | None = None,
    ) -> None:
        self._dictionary = dictionary
        self._services = services
        self._gateways = Gateways() if gateways is None else gateways
        self._rank = {kind: rank for rank, kind in enumerate(dict.fromkeys((*preference, *IdentityKind)))}
        self._identities: dict[bytes, Identity | None] = {}
        self._conditions = ConditionsReader(dictionary)
        self._good_information: dict[bytes, Conditions] = {}
        """Contents that were checked, and what they tell."""
        self._told_with_equipment: dict[tuple[bytes, bytes], Conditions] = {}
        self._compile(Compiler(dictionary))

    def _compile(self, compiler: Compiler) -> None:
        units: Wanted = dict.fromkeys(UNITS[:3], (Op.U64, None))
        units |= {"CC-Time": (Op.U32, None), "CC-Money": (Op.RAW, None), "CC-Service-Specific-Units": (Op.RAW, None)}
        requested, rsu = compiler.group("Requested-Service-Unit", units)
        in_used: Wanted = {"Reporting-Reason": (Op.I32, None), "Tariff-Change-Usage": (Op.I32, None)}
        used, usu = compiler.group("Used-Service-Unit", units | in_used)
        inner: Wanted = {
            "Requested-Service-Unit": (Op.MEMO_GROUP, requested),
            "Used-Service-Unit": (Op.GROUP, used),
            "Rating-Group": (Op.U32, None),
            "Service-Identifier": (Op.U32, None),
            "Reporting-Reason": (Op.I32, None),
            "Refund-Information": (Op.RAW, None),
        }
        credit, mscc = compiler.group("Multiple-Services-Credit-Control", inner)
        self._take_rsu = itemgetter(*(rsu[name] for name in UNITS))
        self._take_usu = itemgetter(*(usu[name] for name in (*UNITS, *in_used)))
        self._take_mscc = itemgetter(0, *(mscc[name] for name in inner))
        self._subscription, found = compiler.group(
            "Subscription-Id", {"Subscription-Id-Type": (Op.U32, None), "Subscription-Id-Data": (Op.TEXT, None)}
        )
        self._take_subscription = itemgetter(found["Subscription-Id-Type"], found["Subscription-Id-Data"])
        self._information, found = compiler.group("Service-Information", {"Subscription-Id": (Op.TRUSTED_RAW, None)})
        self._in_information = found["Subscription-Id"]
        self._compile_command(compiler, credit, requested, used)

    def _compile_command(self, compiler: Compiler, credit: Layout, requested: Layout, used: Layout) -> None:
        wanted: Wanted = dict.fromkeys(COMMAND_RAW, (Op.TRUSTED_RAW, None))
        wanted |= dict.fromkeys(COMMAND_TEXT, (Op.TEXT, None))
        wanted |= dict.fromkeys(COMMAND_NUMBERS, (Op.U32, None))
        wanted |= dict.fromkeys(COMMAND_ENUMERATIONS, (Op.I32, None))
        wanted |= dict.fromkeys((*COMMAND_CHECKED, COMMAND_PARAMETERS), (Op.RAW, None))
        wanted["Multiple-Services-Credit-Control"] = (Op.SPANNED_GROUP, credit)
        wanted["Requested-Service-Unit"] = (Op.GROUP, requested)
        wanted["Used-Service-Unit"] = (Op.SPANNED_GROUP, used)
        self._layout, slots = compiler.layout(self._dictionary.command("CCR"), wanted)
        self._take_last = itemgetter(*(slots[name] for name in IN_LAST_REPORT))
        self._take_reports = itemgetter(slots["Multiple-Services-Credit-Control"], slots["Used-Service-Unit"])
        self._slots = _Slots(
            itemgetter(*(slots[name] for name in wanted)),
            slots["Session-Id"],
            slots["Auth-Application-Id"],
            slots["Subscription-Id"],
            slots["Subscription-Id-Extension"],
            slots["Service-Information"],
            slots["User-Name"],
        )

    # message ---------------------------------------------------------------------------------------

    def decode(self, message: bytes, peer: GatewayProfile = GENERIC) -> CreditControlRequest:
        """Raises the MessageError that the sender must be told.

        peer: profile of the connection's peer, for an Origin-Host that has none, as behind a relay.
        """
        try:
            values = self._fast(message)
            names = self._names(values)
        except Odd:
            strict = decode_message(message, self._dictionary)
            values = from_avps(self._layout, [avp for avp in strict.avps if not _is_damaged_equipment(avp)])
            names = list(_strict_names(strict))
        if len(names) > 1:
            names.sort(key=self._by_preference)
        return self._request(values, tuple(names), peer)

    def last_report(self, message: bytes) -> SessionRequest | None:
        """What a CCR-Termination that must be refused reports all the same; None: it does not say of which session."""
        avps = readable_termination(message, self._dictionary)
        if avps is None:
            return None
        values = from_avps(self._layout, avps)
        session_id, sub_session, number, cause, service_id, context, origin_host, origin_realm = self._take_last(values)
        msccs, command_usu = self._take_reports(values)
        reports, fingerprint = [], 0
        for mscc in msccs or ():
            raw, _, usu, group, services, reasons, _ = self._take_mscc(mscc)
            fingerprint = crc32(raw, fingerprint)
            reports.append((group, services, usu, reasons))
        if command_usu is not None:
            reports.append((None, () if service_id is None else (service_id,), command_usu, None))
        name = session_id[HEADER_OCTETS_OF_AVP : int.from_bytes(session_id[5:8], "big")].decode()
        return SessionRequest(
            _key(name, sub_session),
            RequestType.TERMINATION,
            number,
            fingerprint,
            context or "",
            origin_host or "",
            origin_realm or "",
            credits=tuple(credit for each in reports if (credit := self._reported(*each)) is not None),
            termination_cause=cause,
        )

    def _reported(self, group: Any, services: Any, usu: Any, reasons: Any) -> ServiceCredit | None:
        """A report that wants nothing; None when its amounts are none that can be charged."""
        try:
            return self._credit(group, services, None, usu, reasons, None, {}, 0)
        except InvalidAvpValue:
            return None

    def _fast(self, message: bytes) -> Values:
        if message[HEADER_OCTETS : HEADER_OCTETS + 4] != SESSION_ID_CODE:
            raise Odd
        values = decode(self._layout, message, HEADER_OCTETS, len(message))
        slots = self._slots
        session_id: Any = values[slots.session_id]
        if values[slots.application] is None:
            raise Odd
        if values[slots.extensions] is not None or not session_id[HEADER_OCTETS_OF_AVP:].isascii():
            raise Odd
        information: Any = values[slots.information]
        if information is not None and information not in self._good_information:
            decode(self._information, information, VENDOR_HEADER_OCTETS, len(information))
            if len(information) <= MEMO_OCTETS:
                if len(self._good_information) >= MEMO_LIMIT:
                    self._good_information.clear()
                self._good_information[information] = self._conditions.read(information)
        return values

    def _request(self, values: Values, identities: tuple[Identity, ...], peer: GatewayProfile) -> CreditControlRequest:
        (
            session_id, subscriptions, _, _,
            origin_host, origin_realm, realm, host, context, _,
            application, request_type, number, service_id, state, cause, action, several,
            proxy_infos, sub_session, _, equipment, parameters,
            msccs, command_rsu, command_usu,
        ) = self._slots.take(values)  # fmt: skip
        if application is not None and application != APPLICATION:
            raise InvalidAvpValue(
                f"Auth-Application-Id {application} is not that of the header", _u32(258, application)
            )
        _check_lengths(session_id, origin_host, origin_realm, context)
        if parameters:
            _refuse_parameters(parameters)
        is_event = request_type == RequestType.EVENT
        if is_event:
            self._check_event(action)
        is_first = is_event or request_type == RequestType.INITIAL
        rated_as = self._rated_as(context, values[self._slots.information], is_first)
        if is_first and not identities and not (is_event and action == Action.PRICE_ENQUIRY):
            self._refuse_without_identity(subscriptions)
        strange: dict[int, bytes] = {}
        asked, fingerprint = self._asked(msccs, command_rsu, command_usu, service_id, strange)
        name = session_id[HEADER_OCTETS_OF_AVP : int.from_bytes(session_id[5:8], "big")].decode()
        if sub_session is not None or MARK in name:
            name = _key(name, sub_session)
        if is_event:
            if not asked and (service_id is not None or action != Action.CHECK_BALANCE):
                asked = (ServiceCredit(None, () if service_id is None else (service_id,)),)
            told = self._told(values[self._slots.information], equipment)
            event = EventRequest(
                name,
                number,
                Action(action),
                crc32(encode((action, rated_as, identities, service_id, told.called_party)), fingerprint),
                context,
                origin_host,
                origin_realm,
                identities,
                asked,
                rated_as,
                told,
            )
            return CreditControlRequest(
                session_id,
                request_type,
                number,
                realm,
                host,
                None,
                proxy_infos or (),
                sub_session or b"",
                msccs is None,
                strange or NO_UNITS,
                event,
                state or 0,
            )
        is_command_level = msccs is None and bool(asked)
        changed_to = ""
        if rated_as != DATA and request_type == RequestType.UPDATE:
            changed_to = self._changed_to(context, values[self._slots.information])
        session = SessionRequest(
            name,
            REQUEST_TYPES[request_type],
            number,
            fingerprint,
            context,
            origin_host,
            origin_realm,
            identities,
            asked,
            cause,
            is_command_level,
            rated_as,
            changed_to,
            self._told(values[self._slots.information], equipment),
            self._gateways[origin_host] or peer,
            multiple_services=several == MULTIPLE_SERVICES_SUPPORTED,
        )
        return CreditControlRequest(
            session_id,
            request_type,
            number,
            realm,
            host,
            session,
            proxy_infos or (),
            sub_session or b"",
            is_command_level,
            strange or NO_UNITS,
            None,
            state or 0,
        )

    def _rated_as(self, context: str, information: Any, is_first: bool) -> str:
        """Whose tariffs hold. Raises ServiceContextUnknown, but not inside a session, which knows its service."""
        service = self._services.find(context)
        if service is None:
            if is_first:
                raise ServiceContextUnknown(f"no service has the context {context!r}", _text(461, context))
            return DATA
        if is_first and service.reads_information and information is not None:
            return service.rated_as(service.name, decode_avps(information, self._dictionary)[0])
        return service.name

    def _changed_to(self, context: str, information: Any) -> str:
        """The service that a session becomes with this update; empty when it does not say."""
        service = self._services.find(context)
        if service is None or service.changed_to is None or information is None:
            return ""
        if service.change_marker not in information:
            return ""
        return service.changed_to(decode_avps(information, self._dictionary)[0])

    def _told(self, information: Any, equipment: bytes | None) -> Conditions:
        """What Service-Information and the command tell of the conditions of use."""
        if equipment is None:
            if information is None:
                return UNKNOWN
            known = self._good_information.get(information)
            return self._conditions.read(information) if known is None else known
        key = (information or b"", equipment)
        told = self._told_with_equipment.get(key)
        if told is None:
            told = self._conditions.read(*filter(None, key))
            if len(equipment) + len(key[0]) <= MEMO_OCTETS:
                if len(self._told_with_equipment) >= MEMO_LIMIT:
                    self._told_with_equipment.clear()
                self._told_with_equipment[key] = told
        return told

    def _check_event(self, action: int | None) -> None:
        if action is None:
            example = example_avp(self._dictionary["Requested-Action"])
            raise MissingAvp("an EVENT_REQUEST needs a Requested-Action", example)

    def _asked(
        self,
        msccs: Any,
        command_rsu: Values | None,
        command_usu: Any,
        service_id: int | None,
        strange: dict[int, bytes],
    ) -> tuple[tuple[ServiceCredit, ...], int]:
        """What is asked and reported, service by service, and the fingerprint that tells a repeat."""
        if msccs is None:
            if command_rsu is None and command_usu is None:
                return (), 0
            services = () if service_id is None else (service_id,)
            only = self._credit(None, services, command_rsu, command_usu, None, None, strange, 0)
            return (only,), crc32(encode(only))
        if command_usu is not None:
            raise ContradictingAvps(
                "Used-Service-Unit stands beside Multiple-Services-Credit-Control", command_usu[0][0] + msccs[0][0]
            )
        if len(msccs) > MAX_CREDITS:
            raise AvpOccursTooManyTimes(f"at most {MAX_CREDITS} services per request", msccs[MAX_CREDITS][0])
        fingerprint, asked = 0, []
        for index, mscc in enumerate(msccs):
            raw, rsu, usu, group, services, reasons, refunds = self._take_mscc(mscc)
            if services and len(services) > MAX_SERVICE_IDENTIFIERS:
                raise AvpOccursTooManyTimes(
                    f"at most {MAX_SERVICE_IDENTIFIERS} Service-Identifiers per quota",
                    pack_avp(456, 0, True, _u32(439, services[MAX_SERVICE_IDENTIFIERS])),
                )
            fingerprint = crc32(raw, fingerprint)
            asked.append(self._credit(group, services, rsu, usu, reasons, refunds, strange, index))
        return tuple(asked), fingerprint

    # one service -----------------------------------------------------------------------------------

    def _credit(
        self,
        group: int | None,
        services: Sequence[int] | None,
        rsu: Values | None,
        usus: Sequence[Values] | None,
        reasons: Sequence[int] | None,
        refunds: Sequence[bytes] | None,
        strange: dict[int, bytes],
        index: int,
    ) -> ServiceCredit:
        requested, in_money, reports_money = None, False, False
        if rsu is not None:
            total, sent, received, seconds, money, specific = self._take_rsu(rsu)
            octets = _octets(total, sent, received)
            if money is None and specific is None:
                requested = ServiceUnits(octets, seconds)
            else:
                requested = with_other_units(octets, seconds, money, specific, is_wish=True)
                in_money = requested.is_money_only
                strange[index] = specific if money is None else money
        used: tuple[ServiceUnits, ...] = ()
        if usus is not None:
            reports = []
            for usu in usus:
                total, sent, received, seconds, money, specific, in_usu, side = self._take_usu(usu)
                if reasons is None:
                    reasons = in_usu
                octets = _octets(total, sent, received)
                if money is None and specific is None:
                    reports.append(ServiceUnits(octets, seconds, side=side))
                else:
                    reports.append(with_other_units(octets, seconds, money, specific, side, is_wish=False))
                    reports_money = reports_money or money is not None
            used = tuple(reports)
            if reports_money and (requested is None or requested == ANY_UNITS):
                in_money = all(units.is_money_only for units in used)
            else:
                in_money = in_money and all(units.money is not None for units in used)
        return ServiceCredit(
            group,
            tuple(services) if services else (),
            requested,
            used,
            reasons[0] if reasons else None,
            in_money,
            _content_of_vendor_avp(refunds[0]) if refunds else b"",
        )

    # who -------------------------------------------------------------------------------------------

    def _names(self, values: Values) -> list[Identity]:
        """Every usable identity: of Subscription-Ids, else of those inside Service-Information, else of User-Name."""
        slots = self._slots
        names = self._usable(values[slots.subscriptions])
        information: Any = values[slots.information]
        if not names and information is not None:
            inside = decode(self._information, information, VENDOR_HEADER_OCTETS, len(information))
            names = self._usable(inside[self._in_information])
        user_name: Any = values[slots.user_name]
        return names or (_names_of_user(user_name) if user_name else [])

    def _usable(self, subscriptions: Any) -> list[Identity]:
        found = [self._identity(raw) for raw in subscriptions or ()]
        return [name for name in found if name is not None]

    def _by_preference(self, name: Identity) -> int:
        return self._rank[name.kind]

    def _identity(self, raw: bytes) -> Identity | None:
        """The identity in a Subscription-Id AVP; None when its type or value is of no use."""
        try:
            return self._identities[raw]
        except KeyError:
            pass
        values = decode(self._subscription, raw, HEADER_OCTETS_OF_AVP, len(raw))
        name = _usable_identity(*self._take_subscription(values))
        if len(raw) <= MEMO_OCTETS:
            if len(self._identities) >= MEMO_LIMIT:
                self._identities.clear()
            self._identities[raw] = name
        return name

    def _refuse_without_identity(self, subscriptions: Sequence[bytes] | None) -> None:
        if subscriptions:
            raise InvalidAvpValue("no Subscription-Id is of a known type with a usable value", subscriptions[0])
        raise MissingAvp("Subscription-Id is missing", example_avp(self._dictionary["Subscription-Id"]))


def _check_lengths(session_id: bytes, host: str, realm: str, context: str) -> None:
    """What is kept for long must not be of any length. Raises InvalidAvpValue."""
    if session_id[5:8] == NO_CONTENT:
        raise InvalidAvpValue("an empty Session-Id names no session", session_id)
    if len(session_id) > MAX_SESSION_ID_OCTETS:
        raise InvalidAvpValue(f"a Session-Id has at most {MAX_SESSION_ID_OCTETS} octets here", session_id)
    for code, name in ((264, host), (296, realm), (461, context)):
        if len(name) > MAX_NAME_OCTETS:
            raise InvalidAvpValue(f"AVP {code} has at most {MAX_NAME_OCTETS} characters here", _text(code, name))


def _key(session_id: str, sub_session: bytes | None) -> str:
    """sub_session: a CC-Sub-Session-Id AVP, Unsigned64."""
    number = None if sub_session is None else int.from_bytes(sub_session[HEADER_OCTETS_OF_AVP:], "big")
    return session_key(session_id, number)


def _refuse_parameters(parameters: Sequence[bytes]) -> None:
    """A Service-Parameter-Info with the M bit is an input that rating has to know, and no type of it is known here."""
    for each in parameters:
        if each[4] & MANDATORY_FLAG:
            raise RatingInputUnknown("no type of Service-Parameter-Info has a meaning here", each)


def _content_of_vendor_avp(avp: bytes) -> bytes:
    return avp[VENDOR_HEADER_OCTETS : int.from_bytes(avp[5:8], "big")]


def _octets(total: int | None, sent: int | None, received: int | None) -> int | None:
    """CC-Total-Octets, else input + output; the three are never added up."""
    if total is not None:
        return total
    if sent is None and received is None:
        return None
    return (sent or 0) + (received or 0)


def _names_of_user(user_name: str) -> list[Identity]:
    """A User-Name is a NAI, often IMSI@realm."""
    local = user_name.partition("@")[0]
    names = []
    for kind, text in ((IdentityKind.IMSI, local), (IdentityKind.NAI, user_name)):
        try:
            names.append(identity(kind, text))
        except ValueError:
            continue
    return names


def _usable_identity(number: Any, text: Any) -> Identity | None:
    try:
        return identity(KIND_OF_TYPE[number], text)
    except (KeyError, ValueError, AttributeError):
        return None


def _is_damaged_equipment(avp: Avp) -> bool:
    """A User-Equipment-Info that the strict codec forgives is as good as none: it decides nothing about usage."""
    return avp.name == "User-Equipment-Info" and avp.fault is not None


def _strict_names(strict: Message) -> list[Identity]:
    """The same identities from what the strict codec decoded, and those of Subscription-Id-Extension."""
    names = [_strict_identity(avp) for avp in strict.all("Subscription-Id")]
    names += [_extended_identity(avp) for avp in strict.all("Subscription-Id-Extension")]
    usable = [name for name in names if name is not None]
    information = strict.first("Service-Information")
    if not usable and information is not None:
        usable = [name for name in map(_strict_identity, information.all("Subscription-Id")) if name is not None]
    user_name = strict.value("User-Name")
    return usable or (_names_of_user(user_name) if isinstance(user_name, str) else [])


def _strict_identity(subscription: Avp) -> Identity | None:
    kind, data = subscription.first("Subscription-Id-Type"), subscription.first("Subscription-Id-Data")
    return _usable_identity(kind.value if kind else None, data.value if data else None)


def _extended_identity(extension: Avp) -> Identity | None:
    """Subscription-Id-Extension (RFC 8506 §8.58): one typed member."""
    for member in extension.children:
        kind = EXTENSION_KINDS.get(member.name)
        if kind is not None and isinstance(member.value, str):
            try:
                return identity(kind, member.value)
            except ValueError:
                continue
    return None


def _u32(code: int, value: int) -> bytes:
    return pack_avp(code, 0, True, value.to_bytes(4, "big"))


def _text(code: int, value: str) -> bytes:
    return pack_avp(code, 0, True, value.encode())
