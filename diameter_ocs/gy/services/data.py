"""Packet data: Gy of TS 32.251. Octets or seconds."""

from diameter_ocs.gy.services.service import Service

DATA = Service("data", ("32251",))
