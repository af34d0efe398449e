"""An online charging system: Diameter Gy/Ro credit control with the account functions behind it."""

__version__ = "0.1.0"
