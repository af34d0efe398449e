"""Services charged over Gy and Ro, found by Service-Context-Id (TS 32.299 §7.1.12)."""

from diameter_ocs.gy.services.data import DATA
from diameter_ocs.gy.services.messages import MMS, SMS
from diameter_ocs.gy.services.other import OTHER
from diameter_ocs.gy.services.service import Service, Services
from diameter_ocs.gy.services.voice import VOICE

SERVICES = (DATA, VOICE, SMS, MMS, OTHER)
ALL_SERVICES = Services(SERVICES)

__all__ = ["ALL_SERVICES", "SERVICES", "Service", "Services"]
