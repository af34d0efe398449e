"""The decoder of the hot road: grammars compiled to tables, values read straight into slots.

It accepts only what is right beyond doubt. Whatever looks odd, it leaves to the strict codec, which
finds the exact error or decodes the message the slow way: `Odd` is never shown to a peer. Tests hold
both against each other: what this accepts, the strict codec accepts with the same values.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from struct import Struct

from diameter_ocs.wire.codec import Avp
from diameter_ocs.wire.definition import LENGTH_BITS, AvpDefinition, AvpType
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.grammar import UNBOUNDED, GroupGrammar

MAX_DEPTH = 8
MEMO_LIMIT = 4096
"""Contents remembered per group; a full memo starts anew."""
MEMO_OCTETS = 256
"""Longer contents are not worth remembering, and a stranger could fill the memory with them."""
_HEAD = Struct(">II").unpack_from
_U32 = Struct(">I").unpack_from
_I32 = Struct(">i").unpack_from
_U64 = Struct(">Q").unpack_from

Values = list[object]


class Odd(Exception):
    """This decoder cannot vouch for the message."""


class Op(IntEnum):
    """What to do with one AVP. NOTE_* only check it; the others also keep the value."""

    U32 = 0
    I32 = 1
    U64 = 2
    TEXT = 3
    GROUP = 4
    RAW = 5
    """The whole AVP as received, header and padding included; its content is checked."""
    SPANNED_GROUP = 6
    """A group with, in slot 0, its octets as received, without padding."""
    NOTE_4 = 7
    NOTE_8 = 8
    NOTE_ANY = 9
    NOTE_TEXT = 10
    NOTE_ADDRESS = 11
    NOTE_GROUP = 12
    NOTE_ENUM = 13
    TRUSTED_RAW = 14
    """Like RAW, but its content is left to the reader, who must check it."""
    MEMO_GROUP = 16
    """Like GROUP, for contents that come again and again: the values of one content are shared."""
    FORBIDDEN = 15
    """The grammar says it must not be there."""


class Row:
    """How one AVP of a group is read. slot -1: any number may come, none is kept."""

    __slots__ = ("allowed", "is_many", "layout", "memo", "note", "op", "slot")

    def __init__(
        self, op: Op, slot: int, is_many: bool, layout: "Layout | None", allowed: frozenset[int] | None
    ) -> None:
        self.op = int(op)
        self.slot = slot
        self.is_many = is_many
        self.layout = layout
        self.allowed = allowed
        self.note = int(op)
        """How the content of a RAW is checked."""
        self.memo: dict[bytes, Values] = {}


class Layout:
    """One group or command: its rows by AVP key, and the slots that must be filled."""

    __slots__ = ("common", "is_open", "name", "required", "rows", "size", "vendor_codes")

    def __init__(self, name: str, is_open: bool, common: "Mapping[int, Row]", vendor_codes: frozenset[int]) -> None:
        self.name = name
        self.is_open = is_open
        self.common = common
        self.vendor_codes = vendor_codes
        self.rows: dict[int, Row] = {}
        self.required: tuple[int, ...] = ()
        self.size = 1


_NOTE_OPS = {
    AvpType.UNSIGNED32: Op.NOTE_4,
    AvpType.INTEGER32: Op.NOTE_4,
    AvpType.FLOAT32: Op.NOTE_4,
    AvpType.TIME: Op.NOTE_4,
    AvpType.ENUMERATED: Op.NOTE_4,
    AvpType.UNSIGNED64: Op.NOTE_8,
    AvpType.INTEGER64: Op.NOTE_8,
    AvpType.FLOAT64: Op.NOTE_8,
    AvpType.OCTET_STRING: Op.NOTE_ANY,
    AvpType.ADDRESS: Op.NOTE_ADDRESS,
    AvpType.GROUPED: Op.NOTE_GROUP,
}


class Compiler:
    """Makes layouts of one dictionary."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._common: dict[int, Row] = {}
        self._groups: dict[int, Layout] = {}
        for key, definition in dictionary.by_key.items():
            self._common[key] = self._note(definition, -1, is_many=True)

    def layout(
        self, grammar: GroupGrammar, wanted: Mapping[str, tuple[Op, "Layout | None"]]
    ) -> tuple[Layout, dict[str, int]]:
        """A layout that keeps the `wanted` AVPs; also says in which slot each is."""
        layout = Layout(grammar.name, grammar.open, self._common, self._dictionary.vendor_codes)
        slots: dict[str, int] = {}
        for key, definition in self._members(grammar, wanted).items():
            limit = grammar.limits.get(key, UNBOUNDED)
            if limit == 0:
                layout.rows[key] = Row(Op.FORBIDDEN, -1, True, None, None)
                continue
            if definition.name in wanted:
                op, inner = wanted[definition.name]
                row = Row(op, layout.size, limit > 1, inner, self._allowed(definition))
                if op is Op.RAW:
                    check = self._note(definition, -1, is_many=False)
                    row.note, row.layout = check.op, check.layout
                slots[definition.name] = layout.size
                layout.size += 1
            elif limit == 1 or key in grammar.required:
                row = self._note(definition, layout.size, is_many=limit > 1)
                layout.size += 1
            else:
                continue
            layout.rows[key] = row
        layout.required = tuple(layout.rows[key].slot for key in grammar.required)
        return layout, slots

    def group(self, name: str, wanted: Mapping[str, tuple[Op, "Layout | None"]]) -> tuple[Layout, dict[str, int]]:
        """The layout of a Grouped AVP."""
        definition = self._dictionary[name]
        grammar = self._dictionary.groups.get(definition.key) or GroupGrammar(name, (), True)
        return self.layout(grammar, wanted)

    def _members(
        self, grammar: GroupGrammar, wanted: Mapping[str, tuple[Op, "Layout | None"]]
    ) -> dict[int, AvpDefinition]:
        named = {member.key: member for rule in grammar.rules for member in rule.definitions}
        for name in wanted:
            definition = self._dictionary[name]
            named[definition.key] = definition
        return named

    def _note(self, definition: AvpDefinition, slot: int, *, is_many: bool) -> Row:
        allowed = self._allowed(definition)
        op = _NOTE_OPS.get(definition.type, Op.NOTE_TEXT)
        if allowed is not None and definition.type is AvpType.ENUMERATED:
            op = Op.NOTE_ENUM
        row = Row(op, slot, is_many, None, allowed)
        if op is Op.NOTE_GROUP:
            row.layout = self._checked_group(definition)
        return row

    def _checked_group(self, definition: AvpDefinition) -> Layout:
        """A layout that keeps nothing. Made once per group; groups may hold themselves."""
        known = self._groups.get(definition.key)
        if known is not None:
            return known
        grammar = self._dictionary.groups.get(definition.key)
        is_open = grammar is None or grammar.open
        layout = Layout(definition.name, is_open, self._common, self._dictionary.vendor_codes)
        self._groups[definition.key] = layout
        if grammar is not None:
            finished, _ = self.layout(grammar, {})
            layout.rows, layout.required, layout.size = finished.rows, finished.required, finished.size
        return layout

    def _allowed(self, definition: AvpDefinition) -> frozenset[int] | None:
        return frozenset(definition.values) if definition.closed else None


def decode(layout: Layout, data: bytes, pos: int, end: int, depth: int = 0) -> Values:
    """Values of data[pos:end] by slot; None where absent, a list where more than one may come.

    Raises Odd when the strict codec has to decide.
    """
    values: Values = [None] * layout.size
    rows, common = layout.rows, layout.common
    if depth > MAX_DEPTH:
        raise Odd
    while pos < end:
        if pos + 8 > end:
            raise Odd
        code, word = _HEAD(data, pos)
        length = word & LENGTH_BITS
        stop = pos + length
        if word & 0x80000000:
            if length < 12 or stop > end:
                raise Odd
            vendor = _U32(data, pos + 8)[0]
            if not vendor:
                raise Odd
            start, key = pos + 12, vendor << 32 | code
        else:
            if length < 8 or stop > end:
                raise Odd
            start, key = pos + 8, code
        row = rows.get(key)
        if row is None:
            row = common.get(key) if layout.is_open else None
            if row is None:
                if word & 0x40000000 or key in layout.vendor_codes or not layout.is_open:
                    raise Odd
                pos = stop + (-length & 3)
                continue
        op = row.op
        if op == 0:
            if length != start - pos + 4:
                raise Odd
            value: object = _U32(data, start)[0]
            if row.allowed is not None and value not in row.allowed:
                raise Odd
        elif op == 2:
            if length != start - pos + 8:
                raise Odd
            value = _U64(data, start)[0]
        elif op == 3:
            text = data[start:stop]
            if not text or not text.isascii():
                raise Odd
            value = text.decode("ascii")
        elif op == 4:
            assert row.layout is not None
            value = decode(row.layout, data, start, stop, depth + 1)
        elif op == 6:
            assert row.layout is not None
            inner = decode(row.layout, data, start, stop, depth + 1)
            inner[0] = data[pos:stop]
            value = inner
        elif op == 1:
            if length != start - pos + 4:
                raise Odd
            value = _I32(data, start)[0]
            if row.allowed is not None and value not in row.allowed:
                raise Odd
        elif op == 14:
            value = data[pos : stop + (-length & 3)]
        elif op == 16:
            content = data[start:stop]
            value = row.memo.get(content)
            if value is None:
                value = _remember(row, content, depth)
        else:
            value = _note(row, op, data, pos, start, stop, depth)
        slot = row.slot
        if slot >= 0:
            if row.is_many:
                held = values[slot]
                if held is None:
                    values[slot] = [value]
                else:
                    held.append(value)  # type: ignore[attr-defined]
            elif values[slot] is None:
                values[slot] = value
            else:
                raise Odd
        pos = stop + (-length & 3)
    if pos != end:
        raise Odd
    for slot in layout.required:
        if values[slot] is None:
            raise Odd
    return values


def _remember(row: Row, content: bytes, depth: int) -> Values:
    assert row.layout is not None
    values = decode(row.layout, content, 0, len(content), depth + 1)
    if len(content) <= MEMO_OCTETS:
        if len(row.memo) >= MEMO_LIMIT:
            row.memo.clear()
        row.memo[content] = values
    return values


def _note(row: Row, op: int, data: bytes, pos: int, start: int, stop: int, depth: int) -> object:
    """Check an AVP whose value nobody asked for."""
    size = stop - start
    if op == Op.NOTE_4:
        if size != 4:
            raise Odd
    elif op == Op.NOTE_8:
        if size != 8:
            raise Odd
    elif op == Op.NOTE_TEXT:
        if not data[start:stop].isascii() or not size:
            raise Odd
    elif op == Op.NOTE_ADDRESS:
        family = data[start : start + 2]
        is_ip = (family == b"\0\1" and size == 6) or (family == b"\0\2" and size == 18)
        if not is_ip and not (family == b"\0\x08" and data[start + 2 : stop].isdigit()):
            raise Odd
    elif op == Op.NOTE_ENUM:
        if size != 4 or (row.allowed is not None and _I32(data, start)[0] not in row.allowed):
            raise Odd
    elif op == Op.NOTE_GROUP:
        assert row.layout is not None
        decode(row.layout, data, start, stop, depth + 1)
    elif op == Op.RAW:
        _note(row, row.note, data, pos, start, stop, depth)
        return data[pos : stop + (-(stop - pos) & 3)]
    elif op == Op.FORBIDDEN:
        raise Odd
    return True


def from_avps(layout: Layout, avps: Sequence[Avp]) -> Values:
    """The same values from what the strict codec decoded.

    Raises the fault of an AVP that would be read here: damage that the strict codec forgives for want of an
    M bit must not make usage disappear.
    """
    values: Values = [None] * layout.size
    for avp in avps:
        row = layout.rows.get(avp.vendor << 32 | avp.code)
        if row is None or row.slot < 0:
            continue
        if avp.fault is not None:
            raise avp.fault
        value = _value_of(row, avp)
        if not row.is_many:
            values[row.slot] = value
        elif values[row.slot] is None:
            values[row.slot] = [value]
        else:
            values[row.slot].append(value)  # type: ignore[attr-defined]
    return values


def _value_of(row: Row, avp: Avp) -> object:
    op = row.op
    if op in (Op.GROUP, Op.SPANNED_GROUP, Op.MEMO_GROUP):
        assert row.layout is not None
        inner = from_avps(row.layout, avp.children)
        if op == Op.SPANNED_GROUP:
            inner[0] = avp.raw[: int.from_bytes(avp.raw[5:8], "big")]
        return inner
    if op in (Op.RAW, Op.TRUSTED_RAW):
        return avp.raw
    if op in (Op.U32, Op.I32, Op.U64, Op.TEXT):
        return avp.value
    return True
