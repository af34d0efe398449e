"""Whatever else is charged in units of some kind: location (32271), push to talk (32272), broadcast (32273)."""

from diameter_ocs.gy.services.service import Service

OTHER = Service("other", ("32271", "32272", "32273"))
