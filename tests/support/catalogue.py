"""A catalogue with every treatment a rating group can have, as a file for a node."""

from pathlib import Path
from typing import Any

TEXT = """
version = "every-treatment"
currency = "EUR"
enquiry_offer = "standard"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
holding_time = "10 min"
[quota.time]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
threshold_percent = 10
[quota.call]
unit = "seconds"
default = "60 s"
minimum = "10 s"
maximum = "10 min"
validity = "1 h"
threshold_percent = 10
[quota.messages]
unit = "events"
default = 1
minimum = 1
maximum = 100
validity = "1 h"
[offers.standard]
default_rating_group = 10
[[offers.standard.groups]]
rating_groups = [10]
service_identifiers = [7]
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.standard.groups]]
rating_groups = [20]
price = "0.05"
per = "1 MB"
quota = "data"
[[offers.standard.groups]]
rating_groups = [30]
treatment = "free"
quota = "data"
[[offers.standard.groups]]
rating_groups = [40]
treatment = "barred"
quota = "data"
[[offers.standard.groups]]
rating_groups = [50]
treatment = "not included"
quota = "data"
[[offers.standard.groups]]
rating_groups = [60]
price = "0.01"
per = "10 s"
quota = "time"
[[offers.standard.groups]]
rating_groups = [70]
treatment = "not controlled"
quota = "data"
[[offers.standard.groups]]
service = "sms"
default = true
rating_groups = [100]
service_identifiers = [1]
price = "0.07"
per = 1
quota = "messages"
[[offers.standard.groups]]
service = "sms"
rating_groups = [101]
treatment = "free"
quota = "messages"
[[offers.standard.groups]]
service = "sms"
rating_groups = [102]
treatment = "barred"
quota = "messages"
[[offers.standard.groups]]
service = "sms"
rating_groups = [103]
treatment = "not controlled"
quota = "messages"
[[offers.standard.groups]]
service = "sms"
rating_groups = [104]
price = "0.07"
per = 1
quota = "messages"
partial_events = true
refund_without_reference = true
[[offers.standard.groups]]
service = "voice"
default = true
all_others = true
price = "0.09"
per = "60 s"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
quota = "call"
[[offers.standard.groups]]
service = "voice"
direction = "terminating"
default = true
all_others = true
treatment = "free"
quota = "call"
[[offers.standard.groups]]
service = "voice"
direction = "forwarded"
all_others = true
price = "0.01"
per = "1 s"
quota = "call"
[[offers.standard.groups]]
service = "video"
all_others = true
price = "0.30"
per = "60 s"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
quota = "call"
[[offers.standard.groups]]
service = "video"
direction = "terminating"
all_others = true
treatment = "free"
quota = "call"
[offers.audio-only]
[[offers.audio-only.groups]]
service = "voice"
all_others = true
price = "0.01"
per = "1 s"
quota = "call"
[[offers.audio-only.groups]]
service = "voice"
direction = "terminating"
all_others = true
treatment = "free"
quota = "call"
[offers.nameless]
[[offers.nameless.groups]]
rating_groups = [10]
quota = "data"
[offers.ending]
default_rating_group = 10
when_empty = "end session"
[[offers.ending.groups]]
all_others = true
price = "0.02"
per = "1 MB"
quota = "data"
[offers.bundle]
default_rating_group = 10
[[offers.bundle.groups]]
all_others = true
quota = "data"
"""


def catalogue_in(folder: Path) -> dict[str, Any]:
    """The setting that makes a node use it."""
    return written(folder, TEXT)


def written(folder: Path, text: str) -> dict[str, Any]:
    """The setting that makes a node use the catalogue in `text`."""
    file = folder / "catalogue.toml"
    file.write_text(text)
    return {"catalogue__file": str(file)}
