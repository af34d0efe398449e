"""Gateways that give a CC-Request-Number to another request again, as some do after a re-authorisation."""

from msgspec.structs import replace

from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import MB, Line, ask, octets, report, request

REUSING = GatewayProfile(reuses_numbers=True)
FORCED = ReportingReason.FORCED_REAUTHORISATION


def running(*buckets):
    """A session whose last request was number 1."""
    line = Line(*buckets or (octets(100 * MB),), offer="bundle")
    line.initial(ask(10))
    return line, line.send(request(RequestType.UPDATE, 1, report(10, 3 * MB), fingerprint=1))


def again(credit, number=1, fingerprint=2, kind=RequestType.UPDATE, **more):
    return replace(request(kind, number, credit, fingerprint=fingerprint), **more)


def test_other_content_under_a_known_number_is_refused_as_a_rule():
    line, _ = running()
    refused = line.send(again(report(10, 5 * MB, reason=FORCED)))
    assert refused.outcome.verdict is Verdict.REPEAT_CONTRADICTS
    assert refused.account is None
    assert line.bucket("data").remaining == 97 * MB


def test_other_content_is_another_request_of_a_gateway_that_reuses_numbers():
    line, _ = running()
    answer = line.send(again(report(10, 5 * MB, reason=FORCED), gateway=REUSING))
    assert answer.outcome.verdict is Verdict.SUCCESS
    assert answer.outcome.credits[0].granted == 10 * MB
    assert line.bucket("data").remaining == 92 * MB
    assert line.entries[-1].request_number == 1
    assert line.sessions["s;1;1"].highest_number == 1
    assert line.update(2, report(10, MB)).outcome.verdict is Verdict.SUCCESS


def test_the_number_of_the_initial_request_may_be_reused_too():
    line = Line(octets(100 * MB), offer="bundle")
    line.initial(ask(10))
    answer = line.send(again(report(10, 5 * MB, reason=FORCED), number=0, gateway=REUSING))
    assert answer.outcome.verdict is Verdict.SUCCESS
    assert line.bucket("data").remaining == 95 * MB


def test_each_content_is_repeated_with_its_own_answer():
    line, first = running()
    second = line.send(again(report(10, 50 * MB, reason=FORCED), gateway=REUSING))
    for fingerprint, earlier in ((1, first), (2, second), (1, first)):
        repeat = line.send(again(report(10, 3 * MB), fingerprint=fingerprint, gateway=REUSING))
        assert repeat.account is None
        assert repeat.outcome == replace(earlier.outcome, repeated=True)
    assert line.bucket("data").remaining == 47 * MB


def test_a_report_with_a_reused_number_behind_the_end_of_the_session_is_debited():
    line, _ = running()
    line.terminate(2)
    late = line.send(again(report(10, 5 * MB, reason=FORCED), gateway=REUSING))
    assert late.outcome.verdict is Verdict.SESSION_UNKNOWN
    assert line.bucket("data").remaining == 92 * MB


def test_an_initial_request_does_not_open_the_session_again():
    line, _ = running()
    refused = line.send(again(ask(10), number=0, kind=RequestType.INITIAL, gateway=REUSING))
    assert refused.outcome.verdict is Verdict.SESSION_ALREADY_OPEN
    assert line.sessions["s;1;1"].status is SessionStatus.OPEN
