"""Requests as known gateways write them, AVP by AVP."""

from tests.support.gy import (
    INITIAL,
    TERMINATION,
    UPDATE,
    GySession,
    avp,
    e164,
    extended,
    imsi,
    session_name,
    walk,
)
from tests.support.ocs import MB, OCS_HOST, OCS_REALM, PGW_REALM, ccr


def usage(*, total=None, sent=None, received=None, seconds=None, reason=None, switch=None):
    """A Used-Service-Unit with exactly these members."""
    members = [
        ("Reporting-Reason", reason),
        ("Tariff-Change-Usage", switch),
        ("CC-Time", seconds),
        ("CC-Input-Octets", sent),
        ("CC-Output-Octets", received),
        ("CC-Total-Octets", total),
    ]
    return "Used-Service-Unit", [(name, number) for name, number in members if number is not None]


def credit(*members):
    return "Multiple-Services-Credit-Control", list(members)


# Open5GS ---------------------------------------------------------------------------------------

QOS = (
    "QoS-Information",
    [
        ("QoS-Class-Identifier", 9),
        ("APN-Aggregate-Max-Bitrate-UL", 1_000_000),
        ("APN-Aggregate-Max-Bitrate-DL", 2_000_000),
    ],
)
PACKET_SESSION = (
    "Service-Information",
    [
        (
            "PS-Information",
            [
                ("3GPP-Charging-Id", b"\0\0\0\1"),
                ("Called-Station-Id", "internet"),
                ("3GPP-NSAPI", b"\5"),
                ("3GPP-RAT-Type", b"\6"),
                (
                    "User-Equipment-Info",
                    [("User-Equipment-Info-Type", 0), ("User-Equipment-Info-Value", b"3" * 15 + b"\0")],
                ),
            ],
        )
    ],
)
ONE_MILLION = ("Requested-Service-Unit", [("CC-Total-Octets", 1_000_000)])


class Open5gs(GySession):
    """One MSCC without ids, the same wish for ever, input and output octets, its own realm as destination."""

    async def report(self, kind, *members, **change):
        return await self.ask(kind, *self.avps(kind, *members), **self.heads(kind) | change)

    def avps(self, kind, *members):
        head = [("Event-Timestamp", 1_790_000_000), ("Requested-Action", 0), ("AoC-Request-Type", 1)]
        if kind == INITIAL:
            head.append(("Multiple-Services-Indicator", 0))
        if kind == TERMINATION:
            head.append(("Termination-Cause", 1))
        wish = () if kind == TERMINATION else (ONE_MILLION,)
        return *head, credit(*wish, *members, QOS), PACKET_SESSION

    def heads(self, kind):
        heads = {"Origin_Host": self.peer.node.origin_host, "Destination_Realm": PGW_REALM}
        return heads | ({} if kind == INITIAL else {"Destination_Host": OCS_HOST})


def open5gs(line):
    return Open5gs(line.peer, line.msisdn, session_name(f"{line.number};app_gy"))


# Magma -----------------------------------------------------------------------------------------

LAST_IN_MAGMA = ("Origin-Host", "Origin-Realm", "Destination-Realm", "Destination-Host")


def magma(line, kind, number, *asked, **change):
    """Credits before the rest, E164 before IMSI, and who speaks to whom at the very end."""
    session = session_name(f"{line.number};IMSI{line.imsi}")
    message = ccr(kind, number, session=session, leave=(*LAST_IN_MAGMA, "Subscription-Id"), **change)
    (name, *rest) = walk(message[20:])
    parts = [name.octets, *(avp(*each) for each in asked), *(each.octets for each in rest)]
    parts += [avp(*e164(line.msisdn)), avp(*imsi(line.imsi)), avp("Multiple-Services-Indicator", 1)]
    ends = {"Origin-Host": line.peer.node.origin_host, "Origin-Realm": PGW_REALM, "Destination-Realm": OCS_REALM}
    if kind != INITIAL:
        ends["Destination-Host"] = OCS_HOST
    parts += [avp(*each) for each in ends.items()]
    return extended(message[:20], *parts)


ALL_THREE = [("CC-Input-Octets", 10 * MB), ("CC-Output-Octets", 10 * MB), ("CC-Total-Octets", 10 * MB)]


# Kamailio --------------------------------------------------------------------------------------

IMS = "ext.01.001.8.32260@3gpp.org"
ORIGINATING, TERMINATING, FORWARDING = 0, 1, 2


def ims(*more, role=ORIGINATING):
    node = [] if role is None else [("Role-Of-Node", role)]
    return "Service-Information", [("IMS-Information", [*node, ("Node-Functionality", 6), *more])]


def call(wants=60, used=None, *, group=200, services=(1,), reason=None):
    """MSCC with CC-Time alone. wants None: no RSU; 0: an empty one."""
    tree = []
    if wants is not None:
        tree.append(("Requested-Service-Unit", [("CC-Time", wants)] if wants else []))
    if used is not None:
        tree.append(("Used-Service-Unit", [("CC-Time", used)]))
    tree += [("Service-Identifier", service) for service in services]
    if group is not None:
        tree.append(("Rating-Group", group))
    if reason is not None:
        tree.append(("Reporting-Reason", reason))
    return "Multiple-Services-Credit-Control", tree


class Call:
    """A call as Kamailio's module writes it: the application named only inside Vendor-Specific-Application-Id,
    accounting AVPs beside, the subscriber as SIP URI inside of Service-Information or as E.164."""

    def __init__(self, line, name="call", **change):
        self.session = line.session(name)
        self.line = line
        own = {"Origin_Host": line.peer.node.origin_host, "Service_Context_Id": IMS, "leave": ("Auth-Application-Id",)}
        self.change = own | change
        self.number = 0

    async def ask(self, kind, *more):
        self.number += 1
        return await self.session.ask(
            kind,
            ("Vendor-Specific-Application-Id", [("Vendor-Id", 10415), ("Auth-Application-Id", 4)]),
            ("Accounting-Record-Type", {INITIAL: 2, UPDATE: 3, TERMINATION: 4}[kind]),
            ("Accounting-Record-Number", self.number - 1),
            ("User-Name", f"{self.line.imsi}@ims.example.org"),
            ("Multiple-Services-Indicator", 1),
            *more,
            **self.change,
        )
