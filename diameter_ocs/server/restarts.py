"""Notices that a gateway restarted: the Origin-State-Id of its Origin-Host rose (RFC 6733 §8.16).

It is read wherever a host tells it: CER and CEA, DWR and DWA, CCR. A CCR may come through a relay, so the state
belongs to the host that the message names, not to the connection. All tell it here, so one restart is noticed once.
"""

from collections.abc import Callable

import structlog

log = structlog.get_logger("ocs.peer")

MAX_HOSTS = 10_000
"""Hosts whose state is remembered; a relay may bring any number. The one that was new or restarted longest ago goes."""


class Restarts:
    """on_restarted: told the Origin-Host and when its restart was noticed, milliseconds since 1970 UTC."""

    def __init__(self, at_ms: Callable[[], int], on_restarted: Callable[[str, int], None]) -> None:
        self._at_ms = at_ms
        self._on_restarted = on_restarted
        self._states: dict[str, int] = {}
        """The highest state of each host, by its name in lower case."""

    def heard(self, host: str, state: int) -> None:
        """A message of `host` carries this Origin-State-Id; 0: it carries none.

        The first value of a host proves nothing, nor does a smaller one: that message is late, or another
        process of the host sent it.
        """
        states = self._states
        if states.get(host) == state or not state:
            return
        name = host.lower()
        known = states.get(name, 0)
        if state <= known:
            return
        states.pop(name, None)
        if len(states) >= MAX_HOSTS:
            del states[next(iter(states))]
        states[name] = state
        if known:
            log.warning("peer restarted", peer=host, previous_state=known, current_state=state)
            self._on_restarted(host, self._at_ms())
