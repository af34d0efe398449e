from tests.support.cli import ocs

__all__ = ["ocs"]
