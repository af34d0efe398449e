"""Who this node is towards its peers: one identity for all connections (RFC 6733 §2.1)."""

from msgspec import Struct

from diameter_ocs.peer.capabilities import Capabilities

CREDIT_CONTROL = 4
"""Application Id of Diameter credit control (RFC 8506 §1.3), used by Gy and Ro."""

VENDOR_3GPP = 10415


class Node(Struct, frozen=True, kw_only=True):
    """origin_state_id: grows with every start that lost state; 0 is not sent."""

    origin_host: str
    origin_realm: str
    product_name: str = "diameter_ocs"
    vendor_id: int = 0
    origin_state_id: int = 0
    applications: frozenset[int] = frozenset({CREDIT_CONTROL})

    @property
    def capabilities(self) -> Capabilities:
        """The same in the words of a CER."""
        return Capabilities(
            self.origin_host,
            self.origin_realm,
            applications=self.applications,
            origin_state_id=self.origin_state_id,
            vendor_id=self.vendor_id,
            product_name=self.product_name,
        )
