"""What requests have in common: headers of writes, tags of states, pages and chosen fields."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from diameter_ocs.api.access import Caller, needs
from diameter_ocs.api.bodies import Known
from diameter_ocs.api.problems import invalid, nearest
from diameter_ocs.api.service import Done, Order

TAGS = re.compile(r'"[\x21\x23-\x7e]*"(\s*,\s*"[\x21\x23-\x7e]*")*\Z')
ONE_TAG = re.compile(r'"([\x21\x23-\x7e]*)"')
IdempotencyKey = Annotated[
    str,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A text of your own, the same for every repeat of this write: it is done once.",
        examples=["order-4711"],
    ),
]
IfMatch = Annotated[str | None, Header(description="ETag of the state that the write is meant for.")]
IfNoneMatch = Annotated[str | None, Header(description="ETag of the state that is known already.")]
Chosen = Annotated[
    str | None,
    Query(max_length=500, description="Fields to tell, with commas between them; all when left out.", examples=["tag"]),
]


class Paging(Known):
    """Where a page begins and how long it is."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    fields: Annotated[str | None, Field(max_length=500)] = None
    """Fields to tell, with commas between them; all when left out."""


def writes(scope: str) -> Any:
    """A dependency: the write as it was ordered, by somebody who may."""

    async def order(
        request: Request,
        caller: Annotated[Caller, needs(scope)],
        idempotency_key: IdempotencyKey,
        if_match: IfMatch = None,
    ) -> Order:
        return Order(caller.client, idempotency_key, f"{request.method} {request.url.path}", _tags(if_match))

    return Depends(order)


def _tags(text: str | None) -> tuple[str, ...]:
    """Empty: any state will do."""
    if text is None or text.strip() == "*":
        return ()
    if not TAGS.match(text.strip()):
        raise invalid("header.if-match", 'must be * or tags in quotes, as "17"')
    return tuple(ONE_TAG.findall(text))


def told(done: Done, status: int = 200, *, tag: str | None = None, location: str | None = None) -> JSONResponse:
    """The answer to a write. tag: of the record, when it is not the account."""
    headers = {"etag": f'"{tag or done.receipt.account.tag}"'}
    if location is not None:
        headers["location"] = location
    if done.is_repeat:
        headers["idempotent-replayed"] = "true"
    return JSONResponse(done.receipt.model_dump(mode="json"), status, headers)


def record(view: BaseModel, fields: str | None, tag: str | None = None, known: str | None = None) -> Response:
    """The answer to a look at one record. known: If-None-Match."""
    headers = {} if tag is None else {"etag": f'"{tag}"'}
    if tag is not None and known is not None and (known.strip() == "*" or tag in ONE_TAG.findall(known)):
        return Response(status_code=304, headers=headers)
    return JSONResponse(selected(view, fields), headers=headers)


def listed(views: list[Any], kind: type[BaseModel], fields: str | None, **more: Any) -> JSONResponse:
    """The answer to a look at many records of one kind."""
    names = _names(kind, fields)
    return JSONResponse({"items": [view.model_dump(mode="json", include=names) for view in views], **more})


def selected(view: BaseModel, fields: str | None) -> dict[str, Any]:
    return view.model_dump(mode="json", include=_names(type(view), fields))


def _names(kind: type[BaseModel], fields: str | None) -> set[str] | None:
    """Raises Refused for a field that there is not."""
    if fields is None:
        return None
    names = {name.strip() for name in fields.split(",")}
    for name in sorted(names - kind.model_fields.keys()):
        raise invalid("query.fields", f"{name!r} is no field; {nearest(name, kind.model_fields)}")
    return names
