"""`ocs simulate`: scenario files against a server."""


def simulate() -> None:
    """Run scenario files."""
