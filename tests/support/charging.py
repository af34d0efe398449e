"""A small catalogue, accounts and requests for tests of charging."""

from diameter_ocs.charging.decide import Terms, decide_session_request
from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.portal_link import PortalKey
from diameter_ocs.values.units import UnitType

AT_MS = 1_790_000_000_000
MB = 1_000_000
HOST, REALM = "pgw01.epc.example.org", "epc.example.org"
MSISDN = Identity(IdentityKind.E164, "99955500101")
IMSI = Identity(IdentityKind.IMSI, "001010000000101")

PORTAL_SECRET = b"a secret for tests only"

CATALOGUE_TEXT = """
version = "test"
currency = "EUR"
[quota.standard]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
holding_time = "10 min"
[quota.seconds]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
[offers.standard]
default_rating_group = 10
[[offers.standard.groups]]
rating_groups = [10]
service_identifiers = [7]
price = "0.02"
per = "1 MB"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [20]
price = "0.05"
per = "1 MB"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [30]
treatment = "free"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [40]
treatment = "barred"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [50]
treatment = "not included"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [60]
price = "0.01"
per = "10 s"
quota = "seconds"
[offers.bundle]
default_rating_group = 10
when_empty = "end session"
[[offers.bundle.groups]]
all_others = true
quota = "standard"
"""


def catalogue() -> Catalogue:
    return parse_catalogue(CATALOGUE_TEXT, "test.toml")


def terms(text: str = CATALOGUE_TEXT, **rules: object) -> Terms:
    rest = ChargingRules(**rules)  # type: ignore[arg-type]
    return Terms(parse_catalogue(text, "test.toml"), rest, PortalKey(PORTAL_SECRET, 900))


def money(micros: int, bucket_id: str = "money") -> Bucket:
    return Bucket(bucket_id, UnitType.MONEY, micros)


def octets(amount: int, bucket_id: str = "data", **more: object) -> Bucket:
    return Bucket(bucket_id, UnitType.OCTETS, amount, **more)  # type: ignore[arg-type]


def account(*buckets: Bucket) -> Account:
    return Account("acc-1", buckets=buckets)


def subscriber(offer: str = "standard") -> Subscriber:
    return Subscriber("acc-1", "sub-1", (MSISDN, IMSI), offer)


def ask(group: int | None = 10, wanted: int | None = None, *, services: tuple[int, ...] = ()) -> ServiceCredit:
    """Wants quota, reports nothing."""
    return ServiceCredit(group, services, ServiceUnits(octets=wanted))


def report(group: int | None = 10, used: int = 0, *, more: bool = True, reason: int | None = None) -> ServiceCredit:
    """Reports octets; wants more unless told otherwise."""
    return ServiceCredit(group, (), ServiceUnits() if more else None, (ServiceUnits(octets=used),), reason)


def request(
    kind: RequestType, number: int, *asked: ServiceCredit, session_id: str = "s;1;1", fingerprint: int | None = None
) -> SessionRequest:
    print_of = hash(asked) & 0xFFFFFFFF if fingerprint is None else fingerprint
    return SessionRequest(
        session_id, kind, number, print_of, "32251@3gpp.org", HOST, REALM, (MSISDN, IMSI), tuple(asked)
    )


class Line:
    """One account with its sessions, requests sent one after the other."""

    def __init__(self, *buckets: Bucket, offer: str = "standard", text: str = CATALOGUE_TEXT, **rules: object) -> None:
        self.account = account(*buckets)
        self.subscriber = subscriber(offer)
        self.sessions: dict[str, Session] = {}
        self.terms = terms(text, **rules)
        self.at_ms = AT_MS
        self.entries: list[object] = []

    def send(self, asked: SessionRequest) -> Decision:
        session = self.sessions.get(asked.session_id)
        decision = decide_session_request(asked, self.account, self.subscriber, session, self.terms, self.at_ms)
        if decision.account is not None:
            self.account = decision.account
        if decision.session is not None:
            self.sessions[asked.session_id] = decision.session
        if decision.entry is not None:
            self.entries.append(decision.entry)
        return decision

    def initial(self, *asked: ServiceCredit, number: int = 0, session_id: str = "s;1;1") -> Decision:
        return self.send(request(RequestType.INITIAL, number, *asked, session_id=session_id))

    def update(self, number: int, *asked: ServiceCredit, session_id: str = "s;1;1") -> Decision:
        return self.send(request(RequestType.UPDATE, number, *asked, session_id=session_id))

    def terminate(self, number: int, *asked: ServiceCredit, session_id: str = "s;1;1") -> Decision:
        return self.send(request(RequestType.TERMINATION, number, *asked, session_id=session_id))

    def bucket(self, bucket_id: str) -> Bucket:
        return next(bucket for bucket in self.account.buckets if bucket.bucket_id == bucket_id)
