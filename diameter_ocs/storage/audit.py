"""The audit of everything that is stored: account by account, each as of one moment, while the server runs."""

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct

from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.audit import AccountAudit, Conservation, add_up, audit_account
from diameter_ocs.storage.protocol import Snapshot, Store

ACCOUNTS_PER_PAGE = 500
FAULTY_KEPT = 1000
"""Faulty accounts named in a report; all are counted."""

Progress = Callable[[int], None]
"""Told the number of accounts audited so far, page by page."""


class AuditReport(Struct, frozen=True):
    """faulty: accounts with discrepancies, at most FAULTY_KEPT of them."""

    accounts: int
    entries: int
    open_sessions: int
    faulty_accounts: int
    faulty: tuple[AccountAudit, ...]
    totals: Conservation

    @property
    def is_clean(self) -> bool:
        return self.faulty_accounts == 0


async def audit_store(store: Store, progress: Progress | None = None) -> AuditReport:
    """Audit every account. Raises StoreError when records cannot be read."""
    report = AuditReport(0, 0, 0, 0, (), {})
    after = ""
    while page := await store.account_ids(after, ACCOUNTS_PER_PAGE):
        for account_id in page:
            snapshot = await store.snapshot(account_id)
            if snapshot is not None:
                report = _with(report, snapshot)
        after = page[-1]
        if progress is not None:
            progress(report.accounts)
    return report


def _with(report: AuditReport, snapshot: Snapshot) -> AuditReport:
    held, sessions, entries = snapshot
    found = audit_account(held.account, len(sessions), held_by_sessions(sessions), entries)
    is_faulty = bool(found.discrepancies)
    is_named = is_faulty and len(report.faulty) < FAULTY_KEPT
    return AuditReport(
        report.accounts + 1,
        report.entries + len(entries),
        report.open_sessions + len(sessions),
        report.faulty_accounts + is_faulty,
        (*report.faulty, found) if is_named else report.faulty,
        add_up((report.totals, found.totals)),
    )


def held_by_sessions(sessions: Sequence[Session]) -> dict[str, int]:
    """Per bucket_id, what the reservations of these sessions promise together."""
    held: Counter[str] = Counter()
    for session in sessions:
        of_quotas = (reservation for quota in session.quotas for reservation in quota.reservations)
        of_pools = (reservation for pool in session.pools for reservation in pool.reservations)
        for reservation in (*of_quotas, *of_pools):
            held[reservation.bucket_id] += reservation.amount
    return dict(held)
