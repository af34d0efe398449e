"""Radio accesses by their number in 3GPP-RAT-Type (TS 29.061 §16.4.7.2). Gx numbers its RAT-Type otherwise."""

from collections.abc import Mapping
from types import MappingProxyType

RAT_NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "UTRAN",
        2: "GERAN",
        3: "WLAN",
        4: "GAN",
        5: "HSPA+",
        6: "E-UTRAN",
        7: "virtual",
        8: "NB-IoT",
        9: "LTE-M",
        51: "NR",
        52: "NR unlicensed",
        53: "trusted WLAN",
        54: "trusted non-3GPP",
        55: "wireline",
        56: "cable",
        57: "BBF",
        58: "NR RedCap",
        101: "802.16e",
        102: "eHRPD",
        103: "HRPD",
        104: "1xRTT",
        105: "UMB",
    }
)
