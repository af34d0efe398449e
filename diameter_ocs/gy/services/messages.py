"""Short and multimedia messages: TS 32.274 and TS 32.270. Events; who pays is the Subscription-Id."""

from diameter_ocs.gy.services.service import Service

SMS = Service("sms", ("32274",))
MMS = Service("mms", ("32270",))
