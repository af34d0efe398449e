"""`ocs why`: a sentence for the subscriber, everything for care; and `ocs account balance --at`."""

import asyncio
import sqlite3

import pytest

from diameter_ocs.assemble import engine_of, store_of
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.config import load_config
from diameter_ocs.values.identity import Identity, IdentityKind

SESSION = "pgw01.example.org;1;1"
MSISDN = Identity(IdentityKind.E164, "49151000001")
MB = 1_000_000


async def play(config, *reports):
    """A session of rating group 20 from beginning to end, on the engine of a node that is gone again."""
    loaded = load_config(config, {})
    store = store_of(loaded)
    await store.open()
    engine = await engine_of(loaded, store)
    await engine.start()
    try:
        for number, used in enumerate((None, *reports)):
            is_last = number == len(reports)
            kind = RequestType.INITIAL if not number else RequestType.TERMINATION if is_last else RequestType.UPDATE
            reported = () if used is None else (ServiceUnits(octets=used),)
            asked = ServiceCredit(20, (), None if is_last else ServiceUnits(), reported)
            await engine.execute(
                SessionRequest(SESSION, kind, number, number + 1, "32251@3gpp.org", "pgw01.example.org", "example.org",
                               (MSISDN,), (asked,))
            )  # fmt: skip
    finally:
        await engine.stop()
        await store.close()


@pytest.fixture
def charged(ocs):
    ocs("account", "create", "acme", "--balance", "10.00", "--msisdn", MSISDN.value, "--offer", "prepaid-data")
    asyncio.run(play(ocs.config, 5 * MB, 2 * MB))
    return ocs


def test_a_session_in_one_sentence(charged):
    said = charged("why", SESSION).stdout
    assert said.startswith("On ")
    assert said.strip().endswith(
        "you used 7 MB of internet: 7 MB at 0.03 EUR per MB = 0.21 EUR from your balance (9.79 EUR left)."
    )
    each = charged("why", SESSION, "--each").stdout
    assert "acme/2: On" in each
    assert "2 MB at 0.03 EUR per MB = 0.06 EUR from your balance (9.79 EUR left)" in each


def test_an_entry_in_full(charged):
    found = charged.json("why", "acme/4")
    (entry,) = found["entries"]
    assert (entry["seq"], entry["kind"], entry["offer"], entry["service"]) == (
        4, "ccr_termination", "prepaid-data", "data"
    )  # fmt: skip
    (debit,) = [each for each in entry["postings"] if each["action"] == "debit"]
    assert debit["price"] == {"step_units": MB, "step_micros": 30_000}
    assert (debit["remaining_before"], debit["remaining_after"], debit["amount"]) == (9_850_000, 9_790_000, 60_000)
    assert (debit["units"], debit["unit"], debit["units_paid_before"], debit["band"]) == (
        2 * MB,
        "octets",
        5 * MB,
        None,
    )
    assert [(line["kind"], line["units"], line["amount"]) for line in debit["steps"]] == [("steps", 2 * MB, 60_000)]
    assert entry["sentence"] == found["sentence"]


def test_what_is_not_a_session(charged):
    assert "the account was opened: 10.00 EUR added to your balance (10.00 EUR left)" in charged("why", "acme/1").stdout
    charged("account", "credit", "acme", "--balance", "5.00", "--reason", "voucher 7")
    found = charged.json("why", "acme/5")
    assert "5.00 EUR added to your balance (14.79 EUR left)" in found["sentence"]
    assert found["entries"][0]["reason"] == "voucher 7"


def test_a_session_that_is_forgotten(charged):
    with sqlite3.connect(charged.config.parent / "ocs.db") as db:
        db.execute("DELETE FROM sessions")
    assert "--account" in charged.refused("why", SESSION, code=1)
    whole = charged("why", SESSION, "--account", "acme").stdout
    assert "you used 7 MB of internet" in whole
    assert "you used 2 MB of internet" in charged("why", "acme/4").stdout


def test_what_is_not_there(charged):
    assert "no number 99" in charged.refused("why", "acme/99", code=1)
    assert "there is no account nobody" in charged.refused("why", "nobody/1", code=1)
    assert "no session or event x;1" in charged.refused("why", "x;1", code=1)


def test_the_balance_of_the_past(charged):
    now = charged.json("account", "balance", "acme")
    assert [(each["bucket_id"], each["remaining"], each["reserved"]) for each in now["buckets"]] == [
        ("money", 9_790_000, 0)
    ]
    assert now["seq"] == 4
    before = charged.json("account", "balance", "acme", "--at", "2001-01-01")
    assert (before["seq"], before["buckets"]) == (0, [])
    shown = charged("account", "balance", "acme", "--at", "2099-12-31T23:59Z").stdout
    assert "9.79 EUR" in shown
    assert "after entry 4" in shown
    assert "before its first entry" in charged("account", "balance", "acme", "--at", "2001-01-01").stdout
    assert "is not a time" in charged.refused("account", "balance", "acme", "--at", "yesterday")


def test_a_purchase(charged):
    products = charged.json("product", "list")
    name = next(each["name"] if "name" in each else each["product"] for each in products)
    charged("account", "credit", "acme", "--balance", "100.00")
    charged("product", "buy", "acme", name)
    said = charged.json("why", "acme/6")
    assert f"you bought {name}: " in said["sentence"]
    assert "paid from your balance" in said["sentence"]
    assert (said["entries"][0]["service"], said["entries"][0]["offer"]) == ("product", name)
