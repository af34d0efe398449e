"""What a packet gateway tells about the bearer: PS-Information and its kin, as trees of named AVPs.

A tree is a list of (AVP name, value) pairs; the value of a Grouped AVP is a list again. The facts
are invented but well formed: PLMN 001/01, addresses of the documentation ranges (TS 32.299 §7.2.158).
"""

from typing import Any

AvpTree = list[tuple[str, Any]]

USER_LOCATION = bytes.fromhex("8200f1101a2b00f11001a2b3c4")
"""TAI 001-01-0x1A2B and ECI 0x1A2B3C4."""
IMEISV = b"3534900698733190"
CHARGING_ID = 0x0A00C001


def serving_network() -> AvpTree:
    """Which nodes and network serve the user: in every CCR."""
    return [
        ("SGSN-Address", "192.0.2.20"),
        ("GGSN-Address", "192.0.2.10"),
        ("Serving-Node-Type", 2),
        ("3GPP-IMSI-MCC-MNC", "00101"),
        ("3GPP-GGSN-MCC-MNC", "00101"),
        ("3GPP-NSAPI", b"5"),
        ("Called-Station-Id", "internet"),
        ("3GPP-Selection-Mode", "0"),
        ("3GPP-Charging-Characteristics", "0400"),
        ("3GPP-SGSN-MCC-MNC", "00101"),
        ("3GPP-MS-TimeZone", b"\x40\x00"),
        ("3GPP-User-Location-Info", USER_LOCATION),
        ("3GPP-RAT-Type", b"\x06"),
    ]


def charging_ids(charging_id: int = CHARGING_ID) -> AvpTree:
    return [
        ("3GPP-Charging-Id", charging_id.to_bytes(4, "big")),
        ("PDN-Connection-Charging-ID", charging_id),
        ("Node-Id", "pgw01"),
    ]


def quality_of_service() -> AvpTree:
    """QoS-Information of a default bearer (TS 29.212 §5.3.16)."""
    priority = [("Priority-Level", 8), ("Pre-emption-Capability", 1), ("Pre-emption-Vulnerability", 0)]
    return [
        ("QoS-Class-Identifier", 9),
        ("Allocation-Retention-Priority", priority),
        ("APN-Aggregate-Max-Bitrate-UL", 50_000_000),
        ("APN-Aggregate-Max-Bitrate-DL", 150_000_000),
    ]


def bearer(started_at: int) -> AvpTree:
    """What is said once, when the session opens. `started_at`: seconds since 1970."""
    opening: AvpTree = [
        ("3GPP-PDP-Type", 0),
        ("PDP-Address", "198.51.100.17"),
        ("Dynamic-Address-Flag", 1),
        ("QoS-Information", quality_of_service()),
    ]
    return [*charging_ids(), *opening, *serving_network(), ("Start-Time", started_at)]


def user_equipment() -> AvpTree:
    return [("User-Equipment-Info-Type", 0), ("User-Equipment-Info-Value", IMEISV)]


def service_information(ps_information: AvpTree) -> tuple[str, Any]:
    return ("Service-Information", [("PS-Information", ps_information)])
