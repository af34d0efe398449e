"""Data sessions in a visited network: what a packet gateway writes, with another serving network."""

from diameter_ocs.simulator.credit import Request
from diameter_ocs.simulator.dialect import THREE_GPP, Dialect, Origin
from diameter_ocs.simulator.packet_data import AvpTree

SERVING_NETWORK = "3GPP-SGSN-MCC-MNC"


def visiting(plmn: str) -> Dialect:
    """The dialect of TS 32.299 for somebody in the network with that MCC and MNC."""

    def write(request: Request, origin: Origin, at: int) -> AvpTree:
        return _moved(THREE_GPP.write(request, origin, at), plmn)

    return Dialect(THREE_GPP.name, write)


def _moved(tree: AvpTree, plmn: str) -> AvpTree:
    return [
        (name, plmn if name == SERVING_NETWORK else _moved(value, plmn) if isinstance(value, list) else value)
        for name, value in tree
    ]
