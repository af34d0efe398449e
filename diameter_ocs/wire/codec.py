"""Messages as trees of AVPs, strictly checked, and back to octets (RFC 6733 §3, §4, §7.1.5).

One walk serves two readers. `decode_message` and `decode_avps` raise the first mistake in the order of checks;
`decode_lenient` returns everything that can be read and the mistakes beside it.

An AVP without the M bit whose data cannot be understood is no mistake: it keeps its octets and has no value. The same
holds for everything inside Failed-AVP, whose members are faulty by purpose.
"""

from collections.abc import Iterable, Sequence
from struct import Struct

import msgspec

from diameter_ocs.errors import (
    AvpUnsupported,
    CommandUnsupported,
    InvalidAvpBits,
    InvalidAvpLength,
    InvalidAvpValue,
    InvalidMessageLength,
    MessageError,
)
from diameter_ocs.wire.datatypes import DECODERS, Value, WrongLengthError, WrongValueError, encode_value
from diameter_ocs.wire.definition import (
    MANDATORY_FLAG,
    PADDING,
    VENDOR_FLAG,
    AvpDefinition,
    AvpType,
    example_avp,
    failed_avp_for_length,
    pack_avp,
    wrap,
)
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.grammar import CommandGrammar, Finding, GroupGrammar, Rank, check
from diameter_ocs.wire.header import ERROR, HEADER_OCTETS, Header, pack_header, read_header

__all__ = [
    "MAX_DEPTH",
    "Avp",
    "LenientMessage",
    "Message",
    "Tree",
    "avp_bytes",
    "avp_group",
    "avp_text",
    "avp_u32",
    "avp_u64",
    "decode_avps",
    "decode_lenient",
    "decode_message",
    "encode_avp",
    "encode_group",
    "encode_message",
    "example_avp",
    "failed_avp_for_length",
    "wrap",
]

MAX_DEPTH = 8
"""Groups within groups. Gy and Ro need five; more is an attack on the stack."""
FAILED_AVP = 279
RESULT_CODE = 268
FIRST_ERROR_CODE = 3000

Tree = Sequence[tuple[str, object]]
"""Names and values in wire order; the value of a group is again a Tree, or its members already encoded."""

_TWO_WORDS = Struct(">II")
_ONE_WORD = Struct(">I")
_U32 = Struct(">III")
_VENDOR_U32 = Struct(">IIII")
_U64 = Struct(">IIQ")
_VENDOR_U64 = Struct(">IIIQ")
_NOTHING: tuple["Avp", ...] = ()


class Avp(msgspec.Struct, frozen=True):
    """One AVP as received.

    raw: header and data with the padding that followed. value: None for a group, for an AVP no dictionary knows and
    for one that could not be decoded. fault: why it could not, or that the number has no place in the enumeration.
    children: members of a group.
    """

    code: int
    vendor: int
    flags: int
    raw: bytes
    definition: AvpDefinition | None
    value: Value | None
    children: tuple["Avp", ...]
    fault: MessageError | None

    @property
    def name(self) -> str:
        """Empty when no dictionary knows the AVP."""
        return self.definition.name if self.definition else ""

    @property
    def mandatory(self) -> bool:
        return self.flags & MANDATORY_FLAG != 0

    @property
    def data(self) -> bytes:
        """What follows the header, without padding."""
        length = int.from_bytes(self.raw[5:8], "big")
        return self.raw[12 if self.flags & VENDOR_FLAG else 8 : length]

    def first(self, name: str) -> "Avp | None":
        """The first member of this name."""
        return _first(self.children, name)

    def all(self, name: str) -> tuple["Avp", ...]:
        """All members of this name, in wire order."""
        return _all(self.children, name)


class Message(msgspec.Struct, frozen=True):
    """A message that passed every check of its grammar."""

    header: Header
    grammar: GroupGrammar
    avps: tuple[Avp, ...]

    def first(self, name: str) -> Avp | None:
        """The first AVP of this name at command level."""
        return _first(self.avps, name)

    def all(self, name: str) -> tuple[Avp, ...]:
        """All AVPs of this name at command level, in wire order."""
        return _all(self.avps, name)

    def value(self, name: str) -> Value | None:
        """Value of the first AVP of this name; None when there is none, when it is a group or undecodable."""
        avp = _first(self.avps, name)
        return avp.value if avp else None


class LenientMessage(msgspec.Struct, frozen=True):
    """What could be read of a message, right or wrong. `problems` are ordered as the checks are."""

    header: Header
    grammar: GroupGrammar | None
    avps: tuple[Avp, ...]
    problems: tuple[MessageError, ...]

    def first(self, name: str) -> Avp | None:
        """The first AVP of this name at command level."""
        return _first(self.avps, name)

    def all(self, name: str) -> tuple[Avp, ...]:
        """All AVPs of this name at command level, in wire order."""
        return _all(self.avps, name)


def _first(avps: tuple[Avp, ...], name: str) -> Avp | None:
    for avp in avps:
        if avp.definition is not None and avp.definition.name == name:
            return avp
    return None


def _all(avps: tuple[Avp, ...], name: str) -> tuple[Avp, ...]:
    return tuple(avp for avp in avps if avp.definition is not None and avp.definition.name == name)


# Decoding -------------------------------------------------------------------------------------


def decode_message(message: bytes, dictionary: Dictionary, *, max_depth: int = MAX_DEPTH) -> Message:
    """One framed message, checked by RFC 6733 §7 from the AVP structure on: 5014, 3009, 5001, 5005, 5008, 5009, 5004.

    Header bits, application, realm and host are not checked here. Raises the MessageError that comes first in that
    order; CommandUnsupported for a command without grammar; InvalidMessageLength when the length field is wrong.
    """
    header = read_header(message)
    if header.length != len(message):
        raise InvalidMessageLength(f"Message Length says {header.length}, {len(message)} octets came")
    walk = _Walk(message, dictionary, max_depth)
    avps = walk.level(HEADER_OCTETS, len(message), ())
    grammar = _grammar_for(header, avps, dictionary)
    if grammar is None:
        raise CommandUnsupported(f"command {header.command} of application {header.application}")
    if walk.intact:
        walk.findings += check(grammar, avps)
    _raise_first(walk.findings)
    return Message(header, grammar, avps)


def decode_avps(data: bytes, dictionary: Dictionary, *, max_depth: int = MAX_DEPTH) -> tuple[Avp, ...]:
    """AVPs without a message around them, such as the content of a group. Raises as `decode_message` does."""
    walk = _Walk(data, dictionary, max_depth)
    avps = walk.level(0, len(data), ())
    _raise_first(walk.findings)
    return avps


def decode_lenient(message: bytes, dictionary: Dictionary, *, max_depth: int = MAX_DEPTH) -> LenientMessage:
    """Everything readable, with the mistakes noted. Raises InvalidMessageLength when not even a header is there."""
    header = read_header(message)
    walk = _Walk(message, dictionary, max_depth)
    if header.length != len(message):
        text = f"Message Length says {header.length}, {len(message)} octets came"
        walk.findings.append(Finding(Rank.STRUCTURE, InvalidMessageLength(text)))
    avps = walk.level(HEADER_OCTETS, len(message), ())
    grammar = _grammar_for(header, avps, dictionary)
    if grammar is not None and walk.intact:
        walk.findings += check(grammar, avps)
    ordered = sorted(walk.findings, key=lambda finding: finding.rank)
    return LenientMessage(header, grammar, avps, tuple(finding.error for finding in ordered))


def _raise_first(findings: list[Finding]) -> None:
    """RFC 6733 §7: only the first error is reported."""
    if findings:
        raise min(findings, key=lambda finding: finding.rank).error


def _grammar_for(header: Header, avps: tuple[Avp, ...], dictionary: Dictionary) -> GroupGrammar | None:
    """An answer that reports an error need not follow the grammar of its command (RFC 6733 §7.2)."""
    if not header.is_request and (header.flags & ERROR or _reports_error(avps)):
        return dictionary.answer_message
    grammar: CommandGrammar | None = dictionary.commands.get((header.command, header.application, header.is_request))
    return grammar


def _reports_error(avps: tuple[Avp, ...]) -> bool:
    for avp in avps:
        if avp.code == RESULT_CODE and not avp.vendor:
            return isinstance(avp.value, int) and avp.value >= FIRST_ERROR_CODE
    return False


class _Walk:
    """One pass over one message. Goes on behind every mistake as long as the next AVP can be found."""

    def __init__(self, data: bytes, dictionary: Dictionary, max_depth: int) -> None:
        self.data = data
        self.dictionary = dictionary
        self.max_depth = max_depth
        self.findings: list[Finding] = []
        self.intact = True
        """Whether the level read last was read to its end; of a damaged one nobody can say what is missing."""

    def level(self, position: int, end: int, path: tuple[AvpDefinition, ...]) -> tuple[Avp, ...]:
        """The AVPs from `position` to `end`, inside the groups of `path`."""
        data, by_key = self.data, self.dictionary.by_key
        avps: list[Avp] = []
        while position < end:
            if end - position < 8:
                avps.append(self._damaged(position, end, path))
                self.intact = False
                break
            code, word = _TWO_WORDS.unpack_from(data, position)
            length, vendor, header = word & 0xFFFFFF, 0, 8
            if word & 0x8000_0000:
                header = 12
                if end - position >= 12:
                    vendor = _ONE_WORD.unpack_from(data, position + 8)[0]
            if length < header or position + length > end:
                avps.append(self._damaged(position, end, path))
                self.intact = False
                break
            after = position + (length + 3 & ~3)
            raw = data[position:after]
            start, position = position + header, position + length
            definition = by_key.get(vendor << 32 | code)
            if definition is None or (vendor == 0 and header == 12):
                avps.append(self._unknown(code, vendor, word >> 24, raw, path))
            elif definition.type is AvpType.GROUPED:
                avps.append(self._group(definition, word >> 24, raw, start, position, path))
            else:
                value, fault = None, None
                try:
                    value = DECODERS[definition.type](data[start:position])
                    if definition.closed and value not in definition.values:
                        raise WrongValueError(f"{value!r} is none of its values")
                except (WrongLengthError, WrongValueError) as reason:
                    fault = self._undecodable(definition, word >> 24, raw, path, reason)
                avps.append(Avp(code, vendor, word >> 24, raw, definition, value, _NOTHING, fault))
            position = after
        else:
            self.intact = True
        return tuple(avps)

    def _group(
        self, definition: AvpDefinition, flags: int, raw: bytes, start: int, end: int, path: tuple[AvpDefinition, ...]
    ) -> Avp:
        inner, before = (*path, definition), len(self.findings)
        children: tuple[Avp, ...] = ()
        fault: MessageError | None = None
        if len(path) >= self.max_depth:
            fault = InvalidAvpValue(f"groups are nested deeper than {self.max_depth}", wrap(path, _padded(raw)))
            self.findings.append(Finding(Rank.STRUCTURE, fault))
        elif end - start & 3:
            reason = WrongLengthError("a group's length must be a multiple of 4")
            fault = self._undecodable(definition, flags, raw, path, reason)
        else:
            children = self.level(start, end, inner)
            grammar = self.dictionary.groups.get(definition.key)
            if grammar is not None and self.intact:
                self.findings += check(grammar, children, inner)
        if len(self.findings) > before:
            fault = self._forgive(definition, flags, before) or fault
        return Avp(definition.code, definition.vendor, flags, raw, definition, None, children, fault)

    def _forgive(self, definition: AvpDefinition, flags: int, before: int) -> MessageError | None:
        """Mistakes inside Failed-AVP are its content; a damaged group without the M bit may be ignored.

        Returns the forgiven damage. Other mistakes in a group without the M bit stand: nothing in it may get lost.
        """
        inside = self.findings[before:]
        if definition.key == FAILED_AVP:
            del self.findings[before:]
            return None
        first = min(inside, key=lambda finding: finding.rank)
        if first.rank is Rank.STRUCTURE and not flags & MANDATORY_FLAG and not isinstance(first.error, InvalidAvpValue):
            del self.findings[before:]
            return first.error
        return None

    def _undecodable(
        self, definition: AvpDefinition, flags: int, raw: bytes, path: tuple[AvpDefinition, ...], reason: ValueError
    ) -> MessageError:
        """The fault of an AVP whose data its type does not allow; a finding only when it came with the M bit."""
        failed = wrap(path, _padded(raw))
        text = f"{definition.name}: {reason}"
        finding = Finding(Rank.VALUE, InvalidAvpValue(text, failed))
        if isinstance(reason, WrongLengthError):
            finding = Finding(Rank.STRUCTURE, InvalidAvpLength(text, failed))
        if flags & MANDATORY_FLAG:
            self.findings.append(finding)
        return finding.error

    def _unknown(self, code: int, vendor: int, flags: int, raw: bytes, path: tuple[AvpDefinition, ...]) -> Avp:
        """5001 for an AVP that must be understood and is not; 3009 when the V bit is the reason (RFC 6733 §4.1)."""
        fault: MessageError | None = None
        failed = wrap(path, _padded(raw))
        if flags & VENDOR_FLAG and not vendor:
            fault = InvalidAvpBits(f"AVP {code} has the V bit and Vendor-Id 0", failed)
            self.findings.append(Finding(Rank.BITS, fault))
        elif flags & MANDATORY_FLAG and not vendor and code in self.dictionary.vendor_codes:
            fault = InvalidAvpBits(f"AVP {code} lacks the V bit", failed)
            self.findings.append(Finding(Rank.BITS, fault))
        elif flags & MANDATORY_FLAG:
            fault = AvpUnsupported(f"AVP {code} of vendor {vendor} is not known", failed)
            self.findings.append(Finding(Rank.UNKNOWN, fault))
        return Avp(code, vendor, flags, raw, None, None, _NOTHING, fault)

    def _damaged(self, position: int, end: int, path: tuple[AvpDefinition, ...]) -> Avp:
        """5014: what starts here does not fit into what surrounds it; behind it nothing can be found any more."""
        raw = self.data[position:end]
        code = int.from_bytes(raw[:4].ljust(4, b"\0"), "big")
        flags = raw[4] if len(raw) > 4 else 0
        vendor = int.from_bytes(raw[8:12], "big") if flags & VENDOR_FLAG and len(raw) >= 12 else 0
        definition = self.dictionary.by_key.get(vendor << 32 | code)
        failed = failed_avp_for_length(code, vendor, flags & MANDATORY_FLAG != 0, definition)
        name = definition.name if definition else f"AVP {code} of vendor {vendor}"
        length = int.from_bytes(raw[5:8], "big") if len(raw) >= 8 else None
        text = (
            f"an AVP header of {len(raw)} octets" if length is None else f"AVP Length {length}, {len(raw)} octets left"
        )
        fault = InvalidAvpLength(f"{name}: {text}", wrap(path, failed))
        self.findings.append(Finding(Rank.STRUCTURE, fault))
        return Avp(code, vendor, flags, raw, definition, None, _NOTHING, fault)


def _padded(raw: bytes) -> bytes:
    return raw + PADDING[len(raw) & 3]


# Encoding -------------------------------------------------------------------------------------


def encode_avp(
    definition: AvpDefinition | str, value: object, dictionary: Dictionary, *, mandatory: bool | None = None
) -> bytes:
    """One AVP with header and padding. The M bit is the dictionary's unless `mandatory` says otherwise.

    value of a group: a Tree, or its members already encoded. Raises KeyError for an unknown name, WrongValueError (a
    ValueError) for a value that is not of the AVP's type.
    """
    if isinstance(definition, str):
        definition = dictionary[definition]
    grouped = definition.type is AvpType.GROUPED
    data = _members(value, dictionary) if grouped else encode_value(definition.type, value)
    flag = definition.mandatory if mandatory is None else mandatory
    return pack_avp(definition.code, definition.vendor, flag, data)


def _members(value: object, dictionary: Dictionary) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return b"".join(encode_avp(name, member, dictionary) for name, member in value)
    raise WrongValueError(f"{value!r} is no list of members")


def encode_group(
    definition: AvpDefinition | str, members: Iterable[bytes], dictionary: Dictionary, *, mandatory: bool | None = None
) -> bytes:
    """A group of members that are already encoded."""
    return encode_avp(definition, b"".join(members), dictionary, mandatory=mandatory)


def encode_message(
    flags: int, command: int, application: int, hop_by_hop: int, end_to_end: int, avps: Iterable[bytes]
) -> bytes:
    """A message of version 1 from encoded AVPs."""
    body = b"".join(avps)
    return pack_header(flags, command, application, hop_by_hop, end_to_end, length=HEADER_OCTETS + len(body)) + body


def avp_u32(definition: AvpDefinition, value: int) -> bytes:
    """A 32-bit number of 0 or more, for the road where every microsecond counts: nothing is checked but the range."""
    word = MANDATORY_FLAG << 24 if definition.mandatory else 0
    if definition.vendor:
        return _VENDOR_U32.pack(definition.code, word | VENDOR_FLAG << 24 | 16, definition.vendor, value)
    return _U32.pack(definition.code, word | 12, value)


def avp_u64(definition: AvpDefinition, value: int) -> bytes:
    """As `avp_u32`, with 64 bits."""
    word = MANDATORY_FLAG << 24 if definition.mandatory else 0
    if definition.vendor:
        return _VENDOR_U64.pack(definition.code, word | VENDOR_FLAG << 24 | 20, definition.vendor, value)
    return _U64.pack(definition.code, word | 16, value)


def avp_bytes(definition: AvpDefinition, data: bytes) -> bytes:
    """Data that is already in the form of its type."""
    return pack_avp(definition.code, definition.vendor, definition.mandatory, data)


def avp_text(definition: AvpDefinition, text: str) -> bytes:
    """UTF8String, DiameterIdentity and the other textual types."""
    return pack_avp(definition.code, definition.vendor, definition.mandatory, text.encode())


def avp_group(definition: AvpDefinition, members: Iterable[bytes]) -> bytes:
    """A group of encoded members."""
    return pack_avp(definition.code, definition.vendor, definition.mandatory, b"".join(members))
