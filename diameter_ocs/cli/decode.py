"""`ocs decode`: Diameter octets as people read them."""

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import CHECK_FAILED, WRONG_USAGE, Failure
from diameter_ocs.cli.output import plain, print_json

if TYPE_CHECKING:
    from diameter_ocs.wire.dictionary import Dictionary

LARGEST_INPUT_OCTETS = 64 * 1024 * 1024
LARGEST_MESSAGE_OCTETS = 16_777_212
"""Message Length has 24 bits and is a multiple of 4 (RFC 6733 §3)."""
NOT_HEX = re.compile(rb"[\s:,]+|0[xX]")
HEX = re.compile(rb"[0-9a-fA-F]+\Z")


def decode(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="HEX|FILE|-", help="Hex digits, a file of hex or raw octets, or - for input.")
    ],
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Print Diameter messages as trees, right or wrong, with every mistake marked.

    Vendor dictionaries of the configuration are used when there is one. Exit code 1 when a message has a mistake.
    """
    octets = _octets(source)
    trees, rest = _trees(octets, _dictionary(context, config))
    if as_json:
        print_json({"messages": trees, "rest": rest})
    else:
        _print(trees, rest)
    if rest or any(tree["problems"] for tree in trees):
        raise typer.Exit(CHECK_FAILED)


def _octets(source: str) -> bytes:
    """What was meant: input, a file, or the argument itself. Raises Failure when it is neither."""
    if source == "-":
        return _unhexed(sys.stdin.buffer.read(LARGEST_INPUT_OCTETS + 1), "input") or _nothing("input")
    if _is_file(source):
        return _of_file(Path(source))
    digits = NOT_HEX.sub(b"", source.encode(errors="replace"))
    if not HEX.match(digits) or len(digits) % 2:
        shown = source if len(source) <= 40 else source[:40] + "..."
        raise Failure(f"HEX|FILE|-: {shown!r} is neither a file nor an even number of hex digits", WRONG_USAGE)
    return bytes.fromhex(digits.decode())


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        return False


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_INPUT_OCTETS + 1)
    except OSError as error:
        raise Failure(f"HEX|FILE|-: {path} cannot be read: {error.strerror}", WRONG_USAGE) from None
    return _unhexed(content, str(path)) or _nothing(str(path))


def _unhexed(content: bytes, origin: str) -> bytes:
    """Raw octets as they are, hex digits as the octets they name. A raw message starts with version 1, no digit."""
    if len(content) > LARGEST_INPUT_OCTETS:
        raise Failure(f"HEX|FILE|-: {origin} has more than {LARGEST_INPUT_OCTETS:,} octets", WRONG_USAGE)
    digits = NOT_HEX.sub(b"", content)
    if HEX.match(digits) and len(digits) % 2 == 0:
        return bytes.fromhex(digits.decode())
    return content


def _nothing(origin: str) -> bytes:
    raise Failure(f"HEX|FILE|-: {origin} is empty", WRONG_USAGE)


def _dictionary(context: typer.Context, config: options.ConfigFile) -> "Dictionary":
    from diameter_ocs.config import find_file
    from diameter_ocs.wire.dictionary import default_dictionary, load_dictionary

    if find_file(node.chosen_file(context, config), os.environ) is None:
        return default_dictionary()
    loaded = node.settings(context, config)
    return load_dictionary([loaded.resolve(path) for path in loaded.diameter.dictionaries])


def _trees(octets: bytes, dictionary: "Dictionary") -> tuple[list[dict[str, Any]], str]:
    """Every whole message, and in words what is left of the octets; empty when nothing is."""
    from diameter_ocs.errors import FramingLost, MessageError
    from diameter_ocs.wire.framing import Framer
    from diameter_ocs.wire.tree import message_tree

    words = ""
    try:
        messages = tuple(Framer(LARGEST_MESSAGE_OCTETS).feed(octets))
    except FramingLost as lost:
        messages, words = lost.messages, lost.text
    rest = octets[sum(map(len, messages)) :]
    if not rest:
        return [message_tree(each, dictionary) for each in messages], ""
    words = words or "the last message is not complete"
    try:
        return [message_tree(each, dictionary) for each in (*messages, rest)], words
    except MessageError as error:
        return [message_tree(each, dictionary) for each in messages], f"{len(rest)} octets are left: {error}"


def _print(trees: list[dict[str, Any]], rest: str) -> None:
    from diameter_ocs.wire.tree import tree_lines

    for number, tree in enumerate(trees):
        if number:
            typer.echo()
        typer.echo("\n".join(map(plain, tree_lines(tree))))
    if rest:
        typer.echo(f"! {rest}")
