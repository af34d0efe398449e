"""Every error this system raises on purpose, with its facts as fields. Knows no wire codes.

Expected refusals (no credit, unknown user) are values, see values/verdict.py. What is here is
broken input, broken peers, broken stores and wrong configuration. What a peer is told about
each is decided in one place: wire/result_code.py.
"""


class OcsError(Exception):
    """Root of everything this system raises on purpose."""


# Diameter input -------------------------------------------------------------------------------


class WireError(OcsError):
    """Bytes that are not what Diameter allows."""


class FramingLost(WireError):
    """Where the next message starts can no longer be known; only closing the connection helps (RFC 6733 §2.1).

    messages: those that were complete before the damage, still to be handled.
    """

    def __init__(self, text: str, messages: tuple[bytes, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.messages = messages


class MessageError(WireError):
    """A framed message that must be answered with an error.

    failed_avp: encoded content of the Failed-AVP AVP (RFC 6733 §7.5), empty when none is owed.
    """

    def __init__(self, text: str, failed_avp: bytes = b"") -> None:
        super().__init__(text)
        self.text = text
        self.failed_avp = failed_avp


class UnsupportedVersion(MessageError): ...


class InvalidHeaderBits(MessageError): ...


class CommandUnsupported(MessageError): ...


class ApplicationUnsupported(MessageError): ...


class UnableToDeliver(MessageError): ...


class RealmNotServed(MessageError): ...


class InvalidMessageLength(MessageError): ...


class InvalidAvpLength(MessageError): ...


class InvalidAvpBits(MessageError): ...


class AvpUnsupported(MessageError): ...


class InvalidAvpValue(MessageError): ...


class MissingAvp(MessageError): ...


class ContradictingAvps(MessageError): ...


class AvpNotAllowed(MessageError): ...


class AvpOccursTooManyTimes(MessageError): ...


class UnableToComply(MessageError): ...


class ServiceContextUnknown(MessageError): ...


class RatingInputUnknown(MessageError): ...


class TooBusy(MessageError): ...


# Own data and operation -----------------------------------------------------------------------


class ConfigurationError(OcsError):
    """Wrong configuration. `problems` lists every mistake found, one readable line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(OcsError):
    """The store could not do what it was asked; nothing of the failed call is on disk."""


class StoreUnavailable(StoreError):
    """The store does not answer, is locked, full or read-only for now."""


class StoreCorrupt(StoreError):
    """What the store holds cannot be trusted; an operator has to look."""


class SchemaTooNew(StoreError):
    """The database was written by a newer release."""
