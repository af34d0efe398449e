"""python-diameter as second codec: it builds the rare messages and is what tests compare our own codec with.

It is given the AVPs it lacks and nothing it has is changed. What it gets wrong and what is therefore done here or kept
away from it:

- M bits of its dictionary are wrong for many AVPs, and its typed messages omit the bit of Origin-Host: every AVP is
  built one by one with the M bit of our dictionary.
- Time is a naive local datetime that is an hour off from 2036 on; Result-Code, Session-Binding, Authorization-Lifetime
  and Inband-Security-Id are signed: the octets of all scalars come from our own datatypes.
- Its decoder accepts AVP lengths below the header and a Message Length unlike the data, has no limit of depth and lets
  struct.error out: received octets are never given to it here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from diameter.message import Message, MessageHeader
from diameter.message.avp import (
    Avp,
    AvpAddress,
    AvpEnumerated,
    AvpFloat32,
    AvpFloat64,
    AvpGrouped,
    AvpInteger32,
    AvpInteger64,
    AvpOctetString,
    AvpTime,
    AvpUnsigned32,
    AvpUnsigned64,
    AvpUtf8String,
)
from diameter.message.avp.avp import get_avp_dictionary_entry, register

from diameter_ocs.wire.codec import Tree
from diameter_ocs.wire.datatypes import WrongValueError, encode_value
from diameter_ocs.wire.definition import AvpType
from diameter_ocs.wire.dictionary import Dictionary

if TYPE_CHECKING:
    from diameter_ocs.wire.definition import AvpDefinition

LIBRARY_TYPES: Mapping[AvpType, Any] = MappingProxyType(
    {
        AvpType.OCTET_STRING: AvpOctetString,
        AvpType.UTF8_STRING: AvpUtf8String,
        AvpType.DIAMETER_IDENTITY: AvpOctetString,
        AvpType.DIAMETER_URI: AvpUtf8String,
        AvpType.IP_FILTER_RULE: AvpOctetString,
        AvpType.INTEGER32: AvpInteger32,
        AvpType.INTEGER64: AvpInteger64,
        AvpType.UNSIGNED32: AvpUnsigned32,
        AvpType.UNSIGNED64: AvpUnsigned64,
        AvpType.FLOAT32: AvpFloat32,
        AvpType.FLOAT64: AvpFloat64,
        AvpType.ENUMERATED: AvpEnumerated,
        AvpType.TIME: AvpTime,
        AvpType.ADDRESS: AvpAddress,
        AvpType.GROUPED: AvpGrouped,
    }
)


def register_missing(dictionary: Dictionary) -> tuple[str, ...]:
    """Makes every AVP of ours known to python-diameter; names of those it lacked. Registering twice does nothing."""
    missing = [
        definition
        for definition in dictionary.by_key.values()
        if get_avp_dictionary_entry(definition.code, definition.vendor) is None
    ]
    for definition in missing:
        register(
            avp=definition.code,
            name=definition.name,
            type_cls=LIBRARY_TYPES[definition.type],
            vendor=definition.vendor or None,
            mandatory=definition.mandatory,
        )
    return tuple(definition.name for definition in missing)


def encode_base(
    command: str,
    avps: Tree,
    dictionary: Dictionary,
    *,
    hop_by_hop: int,
    end_to_end: int,
    flags: int | None = None,
    application: int | None = None,
) -> bytes:
    """A rare message (CER, CEA, DWR, DWA, DPR, DPA, RAR, RAA, ASR, ASA) from names and values in wire order.

    command: full or short name. flags and application: those of the command's grammar unless given, so an error answer
    gives its own flags. Raises KeyError for an unknown command or AVP, WrongValueError for a value of another type.
    """
    grammar = dictionary.command(command)
    proper = (grammar.is_request and MessageHeader.command_flag_request_bit) | (
        grammar.proxiable and MessageHeader.command_flag_proxiable_bit
    )
    header = MessageHeader(
        command_flags=proper if flags is None else flags,
        command_code=grammar.code,
        application_id=grammar.application if application is None else application,
        hop_by_hop_identifier=hop_by_hop,
        end_to_end_identifier=end_to_end,
    )
    register_missing(dictionary)
    message: bytes = Message(
        header, [_library_avp(dictionary[name], value, dictionary) for name, value in avps]
    ).as_bytes()
    return message


def _library_avp(definition: "AvpDefinition", value: object, dictionary: Dictionary) -> Any:
    avp: Any = Avp.new(definition.code, definition.vendor, is_mandatory=definition.mandatory)
    if definition.type is not AvpType.GROUPED:
        avp.payload = encode_value(definition.type, value)
    elif isinstance(value, list | tuple):
        avp.value = [_library_avp(dictionary[name], member, dictionary) for name, member in value]
    elif isinstance(value, bytes):
        avp.payload = value
    else:
        raise WrongValueError(f"{definition.name}: {value!r} is no list of members")
    return avp
