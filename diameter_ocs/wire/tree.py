"""A message as people read it: every AVP with its name, flags and value, damage marked where it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from diameter_ocs.errors import MessageError
from diameter_ocs.wire.codec import Avp, LenientMessage, decode_lenient
from diameter_ocs.wire.definition import MANDATORY_FLAG, VENDOR_FLAG, AvpType
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.grammar import CommandGrammar
from diameter_ocs.wire.header import ERROR, PROXIABLE, REQUEST, RETRANSMIT, Header
from diameter_ocs.wire.result_code import ResultCode

PROTECTED_FLAG = 0x20
MESSAGE_LETTERS = ((REQUEST, "R"), (PROXIABLE, "P"), (ERROR, "E"), (RETRANSMIT, "T"))
AVP_LETTERS = ((VENDOR_FLAG, "V"), (MANDATORY_FLAG, "M"), (PROTECTED_FLAG, "P"))
RESULT_NAMES = {code.value: code.name for code in ResultCode}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Node = dict[str, Any]


def message_tree(message: bytes, dictionary: Dictionary) -> Node:
    """A JSON-able form of any octets with at least a header, right or wrong.

    Keys: command, short, code, application, flags, version, length, hop_by_hop, end_to_end, avps, problems (texts in
    the order of checks). An AVP: name, code, vendor, flags, length, type, and value, meaning (name of an enumeration's
    value, or the instant of a Time in UTC), hex (octets without better form), avps, fault, as far as they apply.
    Raises InvalidMessageLength when there is no whole header.
    """
    decoded = decode_lenient(message, dictionary)
    return {
        **_header(decoded.header, dictionary),
        "avps": [_avp(avp) for avp in decoded.avps],
        "problems": _problems(decoded),
    }


def tree_lines(tree: Node) -> list[str]:
    """The same as indented text, one line per AVP, mistakes behind `!`."""
    identifiers = f"hop-by-hop 0x{tree['hop_by_hop']:08x}, end-to-end 0x{tree['end_to_end']:08x}"
    title = f"{tree['command']} ({tree['short']})" if tree["short"] else tree["command"]
    lines = [
        f"{title}  command {tree['code']}, application {tree['application']}, flags {tree['flags']}, "
        f"version {tree['version']}, {tree['length']} octets, {identifiers}"
    ]
    for avp in tree["avps"]:
        _append_lines(lines, avp, 1)
    return lines + [f"! {problem}" for problem in tree["problems"]]


def _header(header: Header, dictionary: Dictionary) -> Node:
    grammar = _command(header, dictionary)
    return {
        "command": grammar.name if grammar else f"command {header.command}",
        "short": grammar.short if grammar else "",
        "code": header.command,
        "application": header.application,
        "flags": _letters(header.flags, MESSAGE_LETTERS),
        "version": header.version,
        "length": header.length,
        "hop_by_hop": header.hop_by_hop,
        "end_to_end": header.end_to_end,
    }


def _command(header: Header, dictionary: Dictionary) -> CommandGrammar | None:
    """The command of that number, in another application if need be."""
    for (code, application, is_request), grammar in dictionary.commands.items():
        if (code, is_request) == (header.command, header.is_request) and application == header.application:
            return grammar
    for (code, _, is_request), grammar in dictionary.commands.items():
        if (code, is_request) == (header.command, header.is_request):
            return grammar
    return None


def _problems(decoded: LenientMessage) -> list[str]:
    texts = [problem.text for problem in decoded.problems]
    return texts if decoded.grammar else [*texts, "no grammar is known for this command and application"]


def _letters(flags: int, letters: tuple[tuple[int, str], ...]) -> str:
    return "".join(letter if flags & bit else "-" for bit, letter in letters)


def _avp(avp: Avp) -> Node:
    definition = avp.definition
    node: Node = {
        "name": avp.name,
        "code": avp.code,
        "vendor": avp.vendor,
        "flags": _letters(avp.flags, AVP_LETTERS),
        "length": int.from_bytes(avp.raw[5:8], "big"),
        "type": str(definition.type) if definition else "",
    }
    if avp.children:
        node["avps"] = [_avp(child) for child in avp.children]
    elif avp.value is None or isinstance(avp.value, bytes):
        node["hex"] = avp.data.hex()
    else:
        node["value"] = avp.value if isinstance(avp.value, int | float | str) else str(avp.value)
    return node | _meaning(avp) | _fault(avp.fault)


def _meaning(avp: Avp) -> Node:
    definition, value = avp.definition, avp.value
    if definition is None or not isinstance(value, int):
        return {}
    if definition.name == "Result-Code":
        return {"meaning": RESULT_NAMES[value]} if value in RESULT_NAMES else {}
    if definition.type is AvpType.TIME:
        return {"meaning": (EPOCH + timedelta(seconds=value)).strftime("%Y-%m-%d %H:%M:%S UTC")}
    return {"meaning": definition.values[value]} if value in definition.values else {}


def _fault(fault: MessageError | None) -> Node:
    return {"fault": fault.text} if fault else {}


def _append_lines(lines: list[str], node: Node, depth: int) -> None:
    number = f"{node['vendor']}:{node['code']}" if node["vendor"] else str(node["code"])
    line = f"{'  ' * depth}{node['name'] or 'unknown AVP'} ({number}) {node['flags']}"
    if "value" in node:
        line += f" = {node['value']}"
    elif node.get("hex"):
        line += f" = 0x{node['hex']}{_as_text(node['hex'])}"
    if "meaning" in node:
        line += f"  {node['meaning']}"
    if "fault" in node:
        line += f"  ! {node['fault']}"
    lines.append(line)
    for child in node.get("avps", ()):
        _append_lines(lines, child, depth + 1)


def _as_text(digits: str) -> str:
    octets = bytes.fromhex(digits)
    return f"  '{octets.decode('ascii')}'" if octets.isascii() and octets.decode("ascii").isprintable() else ""
