"""Durable records of accounts: what is asked of a store, the engines, and the way to get one."""

from diameter_ocs.storage.open import open_store
from diameter_ocs.storage.protocol import Store

__all__ = ["Store", "open_store"]
