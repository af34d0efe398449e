"""The 20 octets of a header, in and out."""

import pytest

from diameter_ocs.errors import InvalidMessageLength
from diameter_ocs.wire.header import PROXIABLE, REQUEST, RETRANSMIT, Header, pack_header, read_header
from tests.support.vectors import octets_of


def test_fields_are_read_as_sent():
    header = read_header(octets_of("gy_ccr_u_threshold_T"))
    assert header.flags == REQUEST | PROXIABLE | RETRANSMIT
    assert (header.version, header.length, header.command, header.application) == (1, 864, 272, 4)
    assert header.is_request


def test_what_is_packed_is_read_again():
    header = Header(1, 124, REQUEST, 280, 0, 0xFFFFFFFF, 0x80000001)
    assert read_header(pack_header(*header[2:], length=header.length)) == header


def test_fewer_octets_are_no_header():
    with pytest.raises(InvalidMessageLength, match="19 octets"):
        read_header(bytes(19))
