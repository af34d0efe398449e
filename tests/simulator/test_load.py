"""A small load against a stub: counts add up, books agree, broken lines are survived."""

import asyncio
import json

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.simulator.conservation import differences
from diameter_ocs.simulator.load import run_load
from diameter_ocs.simulator.load_report import LoadProfile, LoadProgress, LoadReport
from tests.simulator.support.stub_ocs import HOST, Ccr, Policy, StubConnection, StubOcs

IMSIS = [f"001010000000{number}" for number in range(101, 121)]
RICH = 10**12
SMALL = LoadProfile(rate=400, duration_seconds=0.6, sessions=20, updates=3, octets=1000)


def stub(policy: Policy | None = None, balance: int = RICH) -> StubOcs:
    return StubOcs(dict.fromkeys(IMSIS, balance), policy)


def assert_books_agree(report: LoadReport, ocs: StubOcs) -> None:
    assert differences(report.books.by_session(), ocs.consumed) == []
    answered = sum(pair[0] for pair in report.books.by_subscriber().values())
    assert answered <= sum(sum(groups.values()) for groups in ocs.consumed.values())


async def test_every_request_is_answered_and_every_octet_charged() -> None:
    async with stub() as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert report.all_answered
    assert report.tally.sent == report.tally.answered == len(ocs.received) > 0
    assert {code for _, code in report.tally.codes} == {2001}
    assert_books_agree(report, ocs)


async def test_sessions_are_in_order_and_all_closed() -> None:
    async with stub() as ocs:
        await run_load(SMALL, [ocs.address])
    by_session: dict[str, list[int]] = {}
    for ccr in ocs.received:
        assert ccr.number_of("CC-Request-Number") == len(by_session.setdefault(ccr.session_id, []))
        by_session[ccr.session_id].append(ccr.number_of("CC-Request-Type"))
    for kinds in by_session.values():
        assert (kinds[0], kinds[-1]) == (1, 3)
        assert set(kinds[1:-1]) <= {2}
        assert len(kinds) <= SMALL.updates + 2


async def test_subscribers_take_turns_and_server_is_named_after_the_first_request() -> None:
    async with stub() as ocs:
        await run_load(SMALL, [ocs.address])
    assert {ccr.imsi for ccr in ocs.received} == set(IMSIS)
    for ccr in ocs.received:
        first = ccr.number_of("CC-Request-Type") == 1
        assert ccr.message.value("Destination-Host") == (None if first else HOST)


async def test_grants_are_obeyed() -> None:
    async with stub(Policy(slice_octets=300)) as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert max(max(groups.values()) for groups in ocs.consumed.values()) <= 300 * (SMALL.updates + 1)
    assert_books_agree(report, ocs)


async def test_overuse_reports_more_than_was_granted() -> None:
    async with stub(Policy(slice_octets=300)) as ocs:
        report = await run_load(LoadProfile(rate=200, duration_seconds=0.3, sessions=5, overuse=True), [ocs.address])
    assert max(max(groups.values()) for groups in ocs.consumed.values()) >= 10_000
    assert_books_agree(report, ocs)


async def test_a_subscriber_running_dry_ends_its_session() -> None:
    async with stub(Policy(slice_octets=1000), balance=2500) as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert report.all_answered
    assert report.tally.group_codes[4012] > 0
    assert_books_agree(report, ocs)


async def test_a_refused_session_is_over_at_once() -> None:
    async with StubOcs() as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert set(report.tally.codes) == {(1, 5030)}
    assert {kind for kind, _ in ocs.numbers()} == {1}


async def test_busy_answers_are_reported_again_and_charged_once() -> None:
    def busy_now_and_then(ccr: Ccr) -> int:
        return 3004 if len(ocs.received) % 7 == 0 else 2001

    async with stub(Policy(command_code=busy_now_and_then)) as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert sum(count for (_, code), count in report.tally.codes.items() if code == 3004) > 0
    assert_books_agree(report, ocs)


async def test_other_errors_leave_the_usage_in_doubt() -> None:
    async with stub(Policy(command_code=lambda ccr: 5012 if ccr.number_of("CC-Request-Type") == 2 else 2001)) as ocs:
        report = await run_load(SMALL, [ocs.address])
    assert (2, 5012) in report.tally.codes
    assert sum(pair[1] for pair in report.books.by_subscriber().values()) > 0
    assert_books_agree(report, ocs)


async def test_requests_of_a_broken_line_are_sent_again_with_the_t_flag() -> None:
    broken = []
    async with stub() as ocs:

        def break_off(progress: LoadProgress) -> None:
            if progress.answered and not broken:
                broken.append(progress)
                ocs.breaks_before_answer = 1

        report = await run_load(SMALL, [ocs.address], break_off)
    assert report.all_answered
    assert report.tally.connections == 2
    assert report.tally.resends == sum(ccr.is_resent for ccr in ocs.received) > 0
    for ccr in ocs.received:
        if ccr.is_resent:
            same = [each for each in ocs.received if each.key == ccr.key]
            assert {each.header.end_to_end for each in same} == {ccr.header.end_to_end}
            assert {each.raw[20:] for each in same} == {ccr.raw[20:]}
    assert any("was lost" in note for note in report.notes)
    assert_books_agree(report, ocs)


async def test_a_line_that_breaks_every_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diameter_ocs.simulator.load_line.MAX_SENDS", 2)
    async with stub() as ocs:
        ocs.ignores = 1_000_000
        profile = LoadProfile(rate=50, duration_seconds=1.0, sessions=1, drain_seconds=0.1)
        report = await run_load(profile, [ocs.address])
    first = [ccr for ccr in ocs.received if ccr.key == ocs.received[0].key]
    assert [ccr.is_resent for ccr in first] == [False, True]
    assert report.tally.unanswered > 0
    assert report.tally.answered == 0


async def test_latency_counts_from_the_moment_a_request_was_due() -> None:
    """One session can have one request under way, so at this rate almost all of them start late."""
    rate = 100_000
    async with stub() as ocs:
        profile = LoadProfile(rate=rate, duration_seconds=0.4, sessions=1)
        report = await run_load(profile, [ocs.address])
    behind_seconds = profile.duration_seconds - report.tally.scheduled_answered / rate
    assert report.latencies()["all"]["max"] >= behind_seconds * 1_000_000 / 2


async def test_silence_is_counted_and_the_usage_in_doubt() -> None:
    async with stub() as ocs:

        def fall_silent(progress: LoadProgress) -> None:
            ocs.silent = progress.answered > 0

        profile = LoadProfile(rate=400, duration_seconds=1.0, sessions=10, timeout_seconds=0.2, drain_seconds=0.3)
        report = await run_load(profile, [ocs.address], fall_silent)
    assert not report.all_answered
    assert report.tally.unanswered > 0
    assert_books_agree(report, ocs)


async def test_answers_to_other_requests_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stub() as ocs:
        honest = ocs.decide

        def confused(ccr: Ccr) -> list[tuple[str, object]]:
            return [(name, 99 if name == "CC-Request-Number" else value) for name, value in honest(ccr)]

        monkeypatch.setattr(ocs, "decide", confused)
        report = await run_load(LoadProfile(rate=50, duration_seconds=0.2, sessions=2), [ocs.address])
    assert report.tally.faulty == report.tally.sent > 0
    assert "an answer to another request" in report.errors[0]
    assert not report.all_answered


async def test_several_connections_are_gateways_of_their_own() -> None:
    async with stub() as ocs:
        profile = LoadProfile(rate=None, duration_seconds=0.2, sessions=30, connections=3)
        report = await run_load(profile, [ocs.address])
    hosts = {str(ccr.message.value("Origin-Host")).partition(".")[0] for ccr in ocs.received}
    assert hosts == {"pgw01", "pgw02", "pgw03"}
    assert report.tally.connections == 3
    assert_books_agree(report, ocs)


async def test_a_ramp_keeps_the_rate_below_its_goal() -> None:
    async with stub() as ocs:
        profile = LoadProfile(rate=1000, duration_seconds=0.5, ramp_seconds=0.5, sessions=100)
        report = await run_load(profile, [ocs.address])
    assert report.tally.scheduled_answered <= 250


async def test_progress_is_told_in_both_phases() -> None:
    seen: list[LoadProgress] = []
    async with stub() as ocs:
        await run_load(SMALL, [ocs.address], seen.append)
    assert {each.phase for each in seen} >= {"load"}
    assert [each.answered for each in seen] == sorted(each.answered for each in seen)
    assert all(each.open_connections == 1 for each in seen)


async def test_the_report_is_json() -> None:
    async with stub() as ocs:
        report = await run_load(SMALL, [ocs.address])
    content = json.loads(json.dumps(report.as_json()))
    assert content["sent"] == report.tally.sent
    assert set(content["latency_us"]) == {"all", "initial", "update", "termination"}
    assert content["octets_by_subscriber"]["99955500101"]["answered"] > 0
    assert sum(content["result_codes"].values()) == content["answered"]


async def test_a_server_that_is_not_there_is_named() -> None:
    async with stub() as ocs:
        address = ocs.address
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diameter_ocs.simulator.load.CONNECT_SECONDS", 0.2)
        with pytest.raises(ConnectionError, match=f"cannot connect to 127.0.0.1:{address[1]}"):
            await run_load(SMALL, [address])


async def test_a_server_that_stops_reading_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    received = StubConnection.data_received

    def stop_reading(self: StubConnection, data: bytes) -> None:
        received(self, data)
        assert self.transport is not None
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(0.01, self.transport.resume_reading)

    monkeypatch.setattr(StubConnection, "data_received", stop_reading)
    async with stub() as ocs:
        report = await run_load(LoadProfile(rate=None, duration_seconds=0.3, sessions=500), [ocs.address])
    assert report.all_answered
    assert_books_agree(report, ocs)


def test_all_wrong_values_of_a_profile_are_listed() -> None:
    profile = LoadProfile(
        rate=0,
        duration_seconds=0,
        ramp_seconds=-1,
        sessions=0,
        subscribers=0,
        rating_groups=(10, 10),
        updates=-1,
        octets=-1,
        connections=0,
        timeout_seconds=0,
        first_msisdn="+4915",
    )
    with pytest.raises(ConfigurationError) as raised:
        profile.check()
    assert len(raised.value.problems) >= 11


def test_a_range_of_numbers_must_keep_its_length() -> None:
    LoadProfile(first_msisdn="98", first_imsi="001", subscribers=2).check()
    with pytest.raises(ConfigurationError, match="MSISDN"):
        LoadProfile(first_msisdn="98", subscribers=3).check()


@pytest.mark.parametrize(
    ("host", "connection", "expected"),
    [
        ("pgw01.example.org", 0, "pgw01.example.org"),
        ("pgw01.example.org", 1, "pgw02.example.org"),
        ("pgw09.example.org", 2, "pgw11.example.org"),
        ("gateway.example.org", 1, "gateway-2.example.org"),
        ("pgw", 3, "pgw-4"),
    ],
)
def test_connections_have_names_of_their_own(host: str, connection: int, expected: str) -> None:
    assert LoadProfile(origin_host=host).host(connection) == expected
