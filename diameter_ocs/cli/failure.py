"""Exit codes, and the one exception by which a command says why it could not do what was asked."""

from diameter_ocs.errors import OcsError

CHECK_FAILED = 1
"""A check failed, or what was asked for is not there or not possible."""
WRONG_USAGE = 2
"""The command line, the configuration or the store is wrong: nothing was done."""


class Failure(OcsError):
    """Ends a command: lines for standard error, and its exit code."""

    def __init__(self, lines: str | list[str], code: int = CHECK_FAILED) -> None:
        self.lines = [lines] if isinstance(lines, str) else lines
        self.code = code
        super().__init__("\n".join(self.lines))


def wrong_option(option: str, rule: object) -> Failure:
    """A value of the command line that breaks a rule."""
    return Failure(f"{option}: {rule}", WRONG_USAGE)
