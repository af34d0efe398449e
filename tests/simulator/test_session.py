"""The model of a session: what it says for each thing that happens, and that no octet is lost or invented."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import Answer, GroupAnswer, Report, Request, Subscriber, TerminationCause, total
from diameter_ocs.simulator.group import GroupPhase, Habits
from diameter_ocs.simulator.session import GatewaySession, Phase
from diameter_ocs.wire.result_code import ResultCode

ALICE = Subscriber("99955500101", "001010000000101")
SERVER = "ocs01.example.org"
MB = 1_000_000


def new_session(**habits: bool | int) -> GatewaySession:
    return GatewaySession("pgw;1;1;gy", ALICE, Habits(**habits))  # type: ignore[arg-type]


def sole(requests: tuple[Request, ...]) -> Request:
    (request,) = requests
    return request


def reply(request: Request, *groups: GroupAnswer, code: int = 2001) -> Answer:
    return Answer(request.session_id, request.request_type, request.number, code, SERVER, groups)


def opened(*groups: GroupAnswer, **habits: bool | int) -> GatewaySession:
    """A session whose CCR-Initial for these groups has been answered at 0.0."""
    session = new_session(**habits)
    session.initial(tuple(group.rating_group for group in groups), 0.0)
    session.answer(reply(sole(session.requests(0.0)), *groups), 0.0)
    return session


def grant(octets: int = MB, group: int | None = 10, **more: int) -> GroupAnswer:
    return GroupAnswer(group, granted=octets, **more)


# What goes out ---------------------------------------------------------------------------------


def test_the_first_request_asks_for_every_group_and_names_no_server() -> None:
    session = new_session()
    session.initial((10, 20), 0.0)
    request = sole(session.requests(0.0))
    assert (request.request_type, request.number, request.destination_host) == (RequestType.INITIAL, 0, "")
    assert request.reports == (Report(10, asks=True), Report(20, asks=True))


def test_later_requests_name_the_server_that_answered() -> None:
    session = opened(grant())
    session.terminate(1.0)
    request = sole(session.requests(1.0))
    assert (request.destination_host, request.termination_cause) == (SERVER, TerminationCause.LOGOUT)


def test_a_request_is_handed_out_once() -> None:
    session = new_session()
    session.initial((10,), 0.0)
    assert len(session.requests(0.0)) == 1
    assert session.requests(0.0) == ()


Happening = Callable[[GatewaySession], object]


@pytest.mark.parametrize(
    ("granted", "happening", "report"),
    [
        pytest.param(
            grant(), lambda s: s.use(10, MB, 5.0), (True, MB, ReportingReason.QUOTA_EXHAUSTED), id="exhausted"
        ),
        pytest.param(
            grant(threshold=200_000),
            lambda s: s.use(10, 800_001, 5.0),
            (True, 800_001, ReportingReason.THRESHOLD),
            id="threshold",
        ),
        pytest.param(
            grant(validity_seconds=60), lambda s: s.due(60.0), (True, 0, ReportingReason.VALIDITY_TIME), id="validity"
        ),
        pytest.param(grant(holding_seconds=60), lambda s: s.due(60.0), (False, 0, ReportingReason.QHT), id="holding"),
        pytest.param(
            grant(), lambda s: s.reauthorise(None), (True, 0, ReportingReason.FORCED_REAUTHORISATION), id="rar"
        ),
        pytest.param(
            grant(final_action=1),
            lambda s: s.use(10, MB, 5.0),
            (False, MB, ReportingReason.QUOTA_EXHAUSTED),
            id="final units redirect",
        ),
    ],
)
def test_what_makes_a_report(
    granted: GroupAnswer, happening: Happening, report: tuple[bool, int, ReportingReason]
) -> None:
    session = opened(granted)
    happening(session)
    request = sole(session.requests(60.0))
    (made,) = request.reports
    assert request.request_type is RequestType.UPDATE
    assert (made.asks, made.used, made.reason) == report


@pytest.mark.parametrize(
    ("granted", "happening"),
    [
        pytest.param(grant(), lambda s: s.use(10, MB - 1, 5.0), id="some quota is left"),
        pytest.param(grant(threshold=200_000), lambda s: s.use(10, 800_000, 5.0), id="just not below the threshold"),
        pytest.param(grant(threshold=MB + 1), lambda s: s.use(10, 1, 5.0), id="a threshold above the grant"),
        pytest.param(grant(validity_seconds=60), lambda s: s.due(59.9), id="still valid"),
        pytest.param(grant(holding_seconds=60), lambda s: (s.use(10, 1, 30.0), s.due(60.0)), id="traffic in between"),
        pytest.param(grant(), lambda s: s.due(1e9), id="no timers were set"),
        pytest.param(grant(final_action=0), lambda s: s.use(10, MB - 1, 5.0), id="final units not yet used"),
    ],
)
def test_what_makes_no_report(granted: GroupAnswer, happening: Happening) -> None:
    session = opened(granted)
    happening(session)
    assert session.requests(60.0) == ()


def test_groups_due_at_the_same_time_share_a_request() -> None:
    session = opened(grant(group=10), grant(group=20))
    session.use(10, MB, 1.0)
    session.use(20, MB, 1.0)
    assert [report.rating_group for report in sole(session.requests(1.0)).reports] == [10, 20]


def test_a_parallel_gateway_sends_a_request_per_group() -> None:
    session = opened(grant(group=10), grant(group=20), merges=False)
    session.use(10, MB, 1.0)
    session.use(20, MB, 1.0)
    assert [request.number for request in session.requests(1.0)] == [1, 2]


def test_magma_reports_at_its_own_percentage() -> None:
    session = opened(grant(threshold=900_000), obeys_threshold=False, exhausted_percent=80)
    session.use(10, 799_999, 1.0)
    assert session.requests(1.0) == ()
    session.use(10, 1, 1.0)
    assert sole(session.requests(1.0)).reports[0].reason is ReportingReason.QUOTA_EXHAUSTED


# Quota -----------------------------------------------------------------------------------------


def test_nothing_passes_before_the_answer() -> None:
    session = new_session()
    session.initial((10,), 0.0)
    assert session.use(10, 5, 0.0) == 0


def test_traffic_of_a_new_group_asks_first() -> None:
    session = opened(grant())
    assert session.use(20, 5, 1.0) == 0
    request = sole(session.requests(1.0))
    assert request.reports == (Report(20, asks=True),)
    session.answer(reply(request, grant(group=20)), 1.0)
    assert session.use(20, 5, 1.0) == 5


def test_after_a_threshold_report_only_the_old_rest_flows_and_counts_on_the_new_quota() -> None:
    session = opened(grant(threshold=200_000))
    session.use(10, 900_000, 1.0)
    request = sole(session.requests(1.0))
    assert session.use(10, MB, 1.0) == 100_000
    session.answer(reply(request, grant(500_000)), 2.0)
    assert session.use(10, MB, 2.0) == 400_000
    assert sole(session.requests(2.0)).reports[0].used == 500_000


def test_a_new_grant_smaller_than_what_flowed_meanwhile_is_reported_at_once() -> None:
    session = opened(grant(threshold=200_000))
    session.use(10, 850_000, 1.0)
    request = sole(session.requests(1.0))
    session.use(10, MB, 1.0)
    session.answer(reply(request, grant(100_000)), 2.0)
    assert sole(session.requests(2.0)).reports[0].used == 150_000


def test_quota_given_back_is_asked_for_again_with_the_next_traffic() -> None:
    session = opened(grant(holding_seconds=60))
    session.use(10, 7, 0.0)
    session.due(60.0)
    session.answer(reply(sole(session.requests(60.0)), GroupAnswer(10)), 60.0)
    assert session.groups[10].phase is GroupPhase.IDLE
    assert session.use(10, 5, 61.0) == 0
    assert sole(session.requests(61.0)).reports == (Report(10, asks=True),)


def test_overuse_goes_beyond_the_grant_and_is_all_reported() -> None:
    session = opened(grant(), overuses=True)
    assert session.use(10, 3 * MB, 1.0) == 3 * MB
    assert sole(session.requests(1.0)).reports[0].used == 3 * MB


# Ends ------------------------------------------------------------------------------------------


def test_final_units_of_the_last_group_end_the_session_with_its_report() -> None:
    session = opened(grant(final_action=0))
    session.use(10, 2 * MB, 1.0)
    request = sole(session.requests(1.0))
    assert request.request_type is RequestType.TERMINATION
    assert [(each.used, each.asks, each.reason) for each in request.reports] == [(MB, False, ReportingReason.FINAL)]


def test_final_units_of_one_group_end_only_that_group() -> None:
    session = opened(grant(group=10, final_action=0), grant(group=20))
    session.use(10, MB, 1.0)
    request = sole(session.requests(1.0))
    assert request.request_type is RequestType.UPDATE
    assert (request.reports[0].asks, request.reports[0].reason) == (False, ReportingReason.FINAL)
    assert session.use(10, 1, 2.0) == 0
    assert session.use(20, 1, 2.0) == 1


def test_an_unknown_final_action_means_terminate() -> None:
    session = opened(grant(final_action=9))
    session.use(10, MB, 1.0)
    assert sole(session.requests(1.0)).request_type is RequestType.TERMINATION


def test_final_units_of_nothing_act_at_once() -> None:
    session = opened(grant(0, final_action=0))
    request = sole(session.requests(0.0))
    assert (request.request_type, request.reports) == (RequestType.TERMINATION, ())


def test_a_redirected_group_asks_again_when_its_time_is_over() -> None:
    session = opened(grant(final_action=1))
    session.use(10, MB, 1.0)
    session.answer(reply(sole(session.requests(1.0)), GroupAnswer(10, validity_seconds=120)), 1.0)
    assert session.use(10, 1, 2.0) == 0
    assert session.deadline() == 121.0
    session.due(121.0)
    assert sole(session.requests(121.0)).reports == (Report(10, asks=True),)


@pytest.mark.parametrize("code", [4010, 4012, 5003, 5031])
def test_a_refused_group_stops_and_the_others_go_on(code: int) -> None:
    session = opened(GroupAnswer(10, result_code=code), grant(group=20))
    assert session.requests(0.0) == ()
    assert (session.use(10, 1, 0.0), session.use(20, 1, 0.0)) == (0, 1)
    assert session.groups[10].result_code == code


def test_a_group_the_server_says_nothing_about_was_not_granted() -> None:
    session = new_session()
    session.initial((10, 20), 0.0)
    session.answer(reply(sole(session.requests(0.0)), grant(group=20)), 0.0)
    assert session.groups[10].phase is GroupPhase.STOPPED


def test_a_free_group_passes_without_counting() -> None:
    session = opened(GroupAnswer(10, result_code=4011))
    assert session.use(10, 10 * MB, 0.0) == 10 * MB
    assert session.requests(0.0) == ()


def test_a_session_without_credit_control_is_free() -> None:
    session = new_session()
    session.initial((10,), 0.0)
    session.answer(reply(sole(session.requests(0.0)), code=4011), 0.0)
    assert session.phase is Phase.CLOSED
    assert session.use(10, MB, 0.0) == MB


def test_the_session_ends_when_every_group_was_refused() -> None:
    session = opened(GroupAnswer(10, result_code=4012))
    assert sole(session.requests(0.0)).request_type is RequestType.TERMINATION


@pytest.mark.parametrize("code", [3004, 4010, 4012, 5003, 5012, 5030, 5031])
def test_a_refused_initial_is_the_end(code: int) -> None:
    session = new_session()
    session.initial((10,), 0.0)
    session.answer(reply(sole(session.requests(0.0)), code=code), 0.0)
    assert (session.phase, session.requests(0.0), session.use(10, 1, 0.0)) == (Phase.CLOSED, (), 0)


def test_a_refused_update_ends_the_session_and_its_usage_is_in_doubt() -> None:
    session = opened(grant())
    session.use(10, MB, 1.0)
    session.answer(reply(sole(session.requests(1.0)), code=5012), 1.0)
    assert (session.phase, session.requests(1.0)) == (Phase.CLOSED, ())
    assert session.books.of(10).doubtful == MB


def test_an_update_nobody_processed_is_reported_again_in_the_termination() -> None:
    session = opened(grant())
    session.use(10, MB, 1.0)
    session.answer(reply(sole(session.requests(1.0)), code=3004), 1.0)
    request = sole(session.requests(1.0))
    assert (request.request_type, request.number, request.used) == (RequestType.TERMINATION, 2, MB)
    assert session.books.of(10).refused == MB


def test_everything_unreported_goes_into_the_termination() -> None:
    session = opened(grant(group=10), grant(group=20))
    session.use(10, 3, 1.0)
    session.terminate(2.0, TerminationCause.ADMINISTRATIVE)
    request = sole(session.requests(2.0))
    assert [(report.rating_group, report.used) for report in request.reports] == [(10, 3), (20, 0)]
    session.answer(reply(request), 2.0)
    assert session.phase is Phase.CLOSED


def test_tx_without_an_answer_ends_the_service() -> None:
    session = opened(grant())
    session.use(10, MB, 1.0)
    session.requests(1.0)
    assert session.deadline() == 11.0
    session.due(11.0)
    assert (session.phase, session.deadline(), session.books.of(10).unanswered) == (Phase.FAILED, None, MB)


def test_a_late_answer_still_settles_the_books() -> None:
    session = opened(grant())
    session.use(10, MB, 1.0)
    request = sole(session.requests(1.0))
    session.fail()
    session.answer(reply(request, grant()), 30.0)
    assert (session.phase, session.books.of(10).answered, session.books.of(10).unanswered) == (Phase.FAILED, MB, 0)


def test_answers_to_nothing_are_ignored() -> None:
    session = opened(grant())
    session.answer(Answer("pgw;1;1;gy", 2, 77, 2001), 1.0)
    assert (session.ignored_answers, session.phase) == (1, Phase.OPEN)


def test_a_group_without_credit_is_asked_for_again_and_a_barred_one_is_not() -> None:
    codes = {10: ResultCode.CREDIT_LIMIT_REACHED, 20: ResultCode.END_USER_SERVICE_DENIED}
    session = opened(*(GroupAnswer(group, code) for group, code in codes.items()), grant(group=30))
    assert session.reauthorise(20) is False
    assert session.reauthorise(None) is True
    (update,) = session.requests(1.0)
    asked = {report.rating_group: (report.asks, report.used) for report in update.reports}
    assert asked == {10: (True, None), 30: (True, 0)}


def test_nothing_can_be_reauthorised_after_the_end() -> None:
    session = opened(grant())
    session.terminate(1.0)
    assert session.reauthorise(None) is False


# Properties ------------------------------------------------------------------------------------

GROUPS = (10, 20, None)
CODES = st.sampled_from([2001, 2001, 2001, 2001, 4011, 4012, 5031])
GRANTS = st.builds(
    lambda group, code, octets, threshold, final, seconds, holding: GroupAnswer(
        group, code, octets, seconds, threshold, holding, final
    ),
    st.sampled_from(GROUPS),
    CODES,
    st.none() | st.integers(0, 1000),
    st.integers(0, 1200),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 50),
    st.integers(0, 50),
)
ANSWERS = st.tuples(st.sampled_from([2001] * 8 + [3004, 4011, 5012]), st.lists(GRANTS, max_size=4))
USES = st.tuples(st.just("use"), st.sampled_from(GROUPS), st.integers(0, 1500))
STEPS = st.one_of(
    USES,
    USES,
    st.tuples(st.just("answer"), st.integers(0, 5), ANSWERS),
    st.tuples(st.just("answer"), st.integers(0, 5), ANSWERS),
    st.tuples(st.just("wait"), st.integers(0, 60), st.none()),
    st.tuples(st.just("lose"), st.none(), st.none()),
    st.tuples(st.just("rar"), st.sampled_from(GROUPS), st.none()),
    st.tuples(st.just("end"), st.none(), st.none()),
)


class Play:
    """Plays random steps and checks after each that every octet is where it belongs."""

    def __init__(self, *, merges: bool, percent: int) -> None:
        self.session = new_session(merges=merges, exhausted_percent=percent)
        self.now = 0.0
        self.sent: list[Request] = []
        self.open: list[Request] = []
        self.passed = 0
        self.session.initial(GROUPS, self.now)
        self.drain()

    def drain(self) -> None:
        requests = self.session.requests(self.now)
        self.sent += requests
        self.open += requests

    def step(self, kind: str, first: object, second: object) -> None:
        if kind == "use":
            self.use(first, second)  # type: ignore[arg-type]
        elif kind == "answer" and self.open:
            code, groups = second  # type: ignore[misc]
            request = self.open.pop(first % len(self.open))  # type: ignore[operator]
            self.session.answer(reply(request, *groups, code=code), self.now)
        elif kind == "wait":
            self.now += first  # type: ignore[operator]
            self.session.due(self.now)
        elif kind == "lose":
            self.session.fail()
        elif kind == "rar":
            self.session.reauthorise(first)  # type: ignore[arg-type]
        elif kind == "end":
            self.session.terminate(self.now)
        self.drain()
        self.check()

    def use(self, group: int | None, octets: int) -> None:
        allowance = self.session.groups[group].allowance
        free = self.session.groups[group].phase is GroupPhase.FREE
        passed = self.session.use(group, octets, self.now)
        assert passed <= octets
        assert allowance is None or passed <= allowance
        self.passed += 0 if free else passed

    def check(self) -> None:
        session = self.session
        books = total(session.books.groups.values())
        assert books.answered + books.unanswered + books.doubtful + session.unreported == self.passed
        assert sum(request.used for request in self.sent) - books.refused + session.unreported == self.passed
        assert sum(group.flown for group in session.groups.values()) == self.passed
        assert min(books.answered, books.unanswered, books.doubtful, books.refused, session.unreported) >= 0
        numbers = [request.number for request in self.sent]
        assert numbers == list(range(len(numbers)))
        types = [request.request_type for request in self.sent]
        assert types.count(RequestType.INITIAL) == 1
        assert types.count(RequestType.TERMINATION) <= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=40), st.booleans(), st.sampled_from([80, 100]))
def test_every_octet_is_reported_once_and_none_beyond_the_grant(
    steps: list[tuple[str, object, object]], merges: bool, percent: int
) -> None:
    play = Play(merges=merges, percent=percent)
    for step in steps:
        play.step(*step)


@settings(max_examples=100, deadline=None)
@given(st.lists(USES, max_size=30), st.integers(1, 2000), st.integers(0, 2000))
def test_a_session_that_ends_in_order_has_reported_everything(
    uses: list[tuple[str, int | None, int]], quota: int, threshold: int
) -> None:
    play = Play(merges=True, percent=100)

    def answer_all() -> None:
        while play.open:
            request = play.open.pop(0)
            groups = [grant(quota, group=group, threshold=threshold) for group in GROUPS]
            play.session.answer(reply(request, *groups), play.now)
            play.drain()

    answer_all()
    for use in uses:
        play.step(*use)
        answer_all()
    play.session.terminate(play.now)
    play.drain()
    answer_all()
    assert play.session.phase is Phase.CLOSED
    assert total(play.session.books.groups.values()).answered == play.passed
