"""The `ocs` command: what an operator types. One module for each group of commands.

Modules import heavy parts only when their command runs, so that `ocs --help` is quick.
"""

from diameter_ocs.cli.app import app, main

__all__ = ["app", "main"]
