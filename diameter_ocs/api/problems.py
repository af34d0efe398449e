"""Everything that can go wrong, as problem documents (RFC 9457): one table from reasons to status and title."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from diameter_ocs.charging.request import Outcome
from diameter_ocs.values.verdict import Verdict

PROBLEM_JSON = "application/problem+json"
URN = "urn:ocs:problem:"


class Kind(Struct, frozen=True):
    """One kind of problem. slug: the end of its `type`."""

    slug: str
    status: int
    title: str


MALFORMED = Kind("malformed", 400, "The request cannot be read")
NO_KEY = Kind("idempotency-key-missing", 400, "A write needs an Idempotency-Key")
UNAUTHENTICATED = Kind("unauthenticated", 401, "A key is needed")
FORBIDDEN = Kind("forbidden", 403, "The key may not do this")
NOT_FOUND = Kind("not-found", 404, "There is no such record")
NO_SUCH_PAGE = Kind("no-such-page", 404, "There is no such page")
METHOD = Kind("method-not-allowed", 405, "The page does not know this method")
SLOW = Kind("too-slow", 408, "The request did not come in time")
CONFLICT = Kind("conflict", 409, "Something is in the way")
NO_CREDIT = Kind("insufficient-credit", 409, "Too little credit")
BLOCKED = Kind("blocked", 409, "The account or subscriber is blocked")
CHANGED = Kind("changed-meanwhile", 412, "The record is in another state")
TOO_LARGE = Kind("too-large", 413, "The request is too large")
INVALID = Kind("invalid", 422, "Some value breaks a rule")
KEY_REUSED = Kind("idempotency-key-reused", 422, "The Idempotency-Key was used for another request")
TOO_MANY = Kind("too-many-requests", 429, "Too many requests")
INTERNAL = Kind("internal", 500, "A mistake of the server")
BUSY = Kind("busy", 503, "Too much to do")
STORE = Kind("store-unavailable", 503, "The store does not answer")

OF_VERDICT: dict[Verdict, Kind] = {
    Verdict.CONFLICT: CONFLICT,
    Verdict.NOT_FOUND: NOT_FOUND,
    Verdict.USER_UNKNOWN: NOT_FOUND,
    Verdict.SESSION_UNKNOWN: NOT_FOUND,
    Verdict.SERVICE_DENIED: BLOCKED,
    Verdict.CREDIT_LIMIT_REACHED: NO_CREDIT,
    Verdict.CURRENCY_UNKNOWN: INVALID,
    Verdict.REPEAT_CONTRADICTS: KEY_REUSED,
    Verdict.CHANGED_MEANWHILE: CHANGED,
    Verdict.TOO_BUSY: BUSY,
    Verdict.STORE_UNAVAILABLE: STORE,
    Verdict.INTERNAL_ERROR: INTERNAL,
}
"""Verdicts of administrative commands. Any other can only be a mistake of ours."""


class FieldProblem(BaseModel):
    """One field that breaks a rule."""

    field: str
    rule: str


class Problem(BaseModel):
    """An error (RFC 9457). errors: every field that breaks a rule, where that is the reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": f"{URN}invalid",
                "title": "Some value breaks a rule",
                "status": 422,
                "detail": "body.money.amount: must be above 0",
                "errors": [{"field": "body.money.amount", "rule": "must be above 0"}],
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldProblem] | None = None


class Refused(Exception):
    """A request that is answered with a problem. errors: fields and the rules they break."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail or "; ".join(f"{field}: {rule}" for field, rule in errors)
        self.errors = errors
        self.headers = dict(headers or {})


def response(refused: Refused) -> JSONResponse:
    """The answer that tells the problem."""
    kind = refused.kind
    body = Problem(
        type=URN + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=refused.detail or None,
        errors=[FieldProblem(field=field, rule=rule) for field, rule in refused.errors] or None,
    )
    headers = refused.headers
    if kind.status in (429, 503):
        headers.setdefault("retry-after", "1")
    return JSONResponse(body.model_dump(exclude_none=True), kind.status, headers, PROBLEM_JSON)


def of_outcome(outcome: Outcome) -> Refused:
    """What a command that was not done is answered with."""
    kind = OF_VERDICT.get(outcome.verdict, INTERNAL)
    return Refused(kind, outcome.detail)


def invalid(field: str, rule: str) -> Refused:
    return Refused(INVALID, errors=[(field, rule)])


def of_fields(errors: Iterable[Any]) -> Refused:
    """Everything that validation found."""
    found = list(errors)
    if any(error["type"] == "json_invalid" for error in found):
        return Refused(MALFORMED, "the body is not JSON")
    if any(error["type"] == "missing" and _place(error) == "header.idempotency-key" for error in found):
        return Refused(NO_KEY, "send the header Idempotency-Key with a text of your own, the same for every repeat")
    return Refused(INVALID, errors=[(_place(error), _rule(error)) for error in found])


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean ...?', or those there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"


def _place(error: Any) -> str:
    place = [str(each) for each in error["loc"]]
    name = error.get("ctx", {}).get("unknown")
    return ".".join(place if name is None else [*place, name])


def _rule(error: Any) -> str:
    message = str(error["msg"])
    return message.removeprefix("Value error, ")
