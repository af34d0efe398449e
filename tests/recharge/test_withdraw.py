"""What is taken out of an account is accounted for like everything else."""

import pytest
from msgspec.structs import replace

from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import Credit, OpenAccount, Withdraw
from diameter_ocs.recharge.decide import credit, open_account, withdraw
from diameter_ocs.values.money import LARGEST_MICROS
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

AT_MS = 1_790_000_000_000
OPENED = open_account(OpenAccount("acc-1", "EUR", buckets=(Bucket("money", UnitType.MONEY, 100),)), None, (), AT_MS)


def test_what_is_available_can_be_taken_out():
    done = withdraw(Withdraw("acc-1", "money", 40, reason="fee"), OPENED.account, AT_MS)
    (posting,) = done.entry.postings
    assert (done.entry.kind, done.entry.reason) == ("withdrawal", "fee")
    assert (posting.action, posting.bucket_id, posting.amount) == (Action.WITHDRAW, "money", 40)
    audit = audit_account(done.account, 0, {}, [OPENED.entry, done.entry])
    assert audit.discrepancies == ()
    assert audit.totals["money EUR"].withdrawn == 40
    assert audit.totals["money EUR"].remaining == 60


@pytest.mark.parametrize(("amount", "reserved"), [(101, 0), (61, 40)])
def test_what_is_not_there_or_promised_stays(amount, reserved):
    bucket = replace(OPENED.account.buckets[0], reserved=reserved)
    account = replace(OPENED.account, buckets=(bucket,))
    refused = withdraw(Withdraw("acc-1", "money", amount), account, AT_MS)
    assert (refused.outcome.verdict, refused.account) == (Verdict.CREDIT_LIMIT_REACHED, None)
    debt = withdraw(Withdraw("acc-1", "money", amount, below_zero=True), account, AT_MS)
    assert debt.account.buckets[0].remaining == 100 - amount


def test_only_of_a_bucket_that_is_there():
    assert withdraw(Withdraw("acc-1", "data", 1), OPENED.account, AT_MS).outcome.verdict is Verdict.NOT_FOUND
    over = Account("acc-1", buckets=(Bucket("data", UnitType.OCTETS, 5, valid_until_ms=AT_MS),))
    assert withdraw(Withdraw("acc-1", "data", 1), over, AT_MS).outcome.verdict is Verdict.NOT_FOUND


def test_no_bucket_grows_beyond_what_can_be_stored():
    most = Bucket("money", UnitType.MONEY, LARGEST_MICROS)
    assert credit(Credit("acc-1", most), OPENED.account, AT_MS).outcome.verdict is Verdict.CONFLICT
    nearly = replace(most, remaining=LARGEST_MICROS - 100)
    assert credit(Credit("acc-1", nearly), OPENED.account, AT_MS).outcome.verdict is Verdict.SUCCESS
    debt = Withdraw("acc-1", "money", LARGEST_MICROS, below_zero=True)
    owing = withdraw(debt, OPENED.account, AT_MS).account
    assert withdraw(debt, owing, AT_MS).outcome.verdict is Verdict.CONFLICT


def test_nothing_is_added_to_a_bucket_that_has_ended_while_a_session_holds_it():
    held = Bucket("data", UnitType.OCTETS, 5, 5, valid_until_ms=AT_MS)
    account = Account("acc-1", buckets=(held,))
    more = Credit("acc-1", Bucket("data", UnitType.OCTETS, 7, valid_until_ms=AT_MS + 1000))
    refused = credit(more, account, AT_MS)
    assert (refused.outcome.verdict, refused.account) == (Verdict.CONFLICT, None)
    assert "has ended" in refused.outcome.detail
    taken = credit(more, account, AT_MS - 1)
    assert taken.account is not None
    assert taken.account.buckets[0].remaining == 12
