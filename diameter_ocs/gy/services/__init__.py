"""Services charged over Gy and Ro, found by Service-Context-Id (TS 32.299 §7.1.12)."""

from diameter_ocs.gy.services.data import DATA
from diameter_ocs.gy.services.service import Service, Services

ALL_SERVICES = Services((DATA,))

__all__ = ["ALL_SERVICES", "Service", "Services"]
