"""`ocs gateway`: which profiles of gateways there are, and what they say."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import Failure
from diameter_ocs.cli.output import console, print_json, table

if TYPE_CHECKING:
    from diameter_ocs.charging.gateway_profile import GatewayProfile

app = typer.Typer(help="Profiles of gateways: what each kind understands.", no_args_is_help=True)

WORDS: dict[str, dict[bool, str]] = {
    "renews_equal_time": {
        True: "renews a quota of time that is as long as the last one",
        False: "a quota of time is never as long as the one before, it would not be renewed",
    },
    "single_service": {True: "a refusal of its only service refuses the session", False: "refuses service by service"},
    "uncontrolled_sessions": {
        True: "4011 lets a whole session run",
        False: "4011 would not let a session run: granted",
    },
    "success_code_in_groups": {True: "2001 in every MSCC", False: "a Result-Code in an MSCC only when it is refused"},
    "final_units_at_first": {True: "final units may come in the first answer", False: "not in the first answer"},
    "final_units_without_grant": {
        True: "redirects or restricts at once when nothing is left",
        False: "an empty balance is 4012, never a redirect without a grant",
    },
    "extended_final_units": {True: "QoS-Final-Unit-Indication may come too", False: "no QoS-Final-Unit-Indication"},
    "thresholds": {True: "thresholds are sent", False: "no thresholds"},
    "holding_time": {True: "Quota-Holding-Time is sent", False: "no Quota-Holding-Time"},
    "triggers": {True: "triggers are armed", False: "no triggers"},
    "time_counting": {True: "is told how seconds count", False: "is not told how seconds count"},
    "announcements": {True: "announcements are named", False: "no announcements"},
    "session_notices": {True: "notices of the whole session are sent", False: "no notices of the whole session"},
    "tariff_time_change": {
        True: "splits its report when the price changes",
        False: "quota ends when the price changes",
    },
    "pools": {
        True: "keeps credit pools, if it says Multiple-Services-Indicator 1",
        False: "a quota of its own for every group, no credit pools",
    },
    "qos_information": {
        True: "goes on slower by QoS-Information",
        False: "is told of slow service as a restriction to Filter-Ids",
    },
    "reuses_numbers": {
        True: "a number with other content is a new request",
        False: "a number with other content is refused with 5012",
    },
    "aborts": {True: "ends a session after an ASR", False: "is sent no ASR, it would not end the session"},
}
LISTED = {
    "units": "counts",
    "group_codes": "refusals of a group it knows",
    "final_units": "final units it carries out",
    "redirect_addresses": "redirects to",
    "restriction_filters": "restricts by",
}
REAUTHORISATION = {
    "group": "asks again for the group that a RAR names",
    "session": "asks again for the whole session after a RAR",
    "ignored": "does nothing after a RAR; nothing is waited for",
}


@app.command("list")
def list_profiles(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """List the profiles that a [[peers]] table can name, and where each comes from."""
    found = _profiles(context, config)
    if as_json:
        print_json([{"name": each.name, "about": each.about, "file": file} for each, file in found.values()])
        return
    made = table("Gateway profiles", "profile", "about", "file")
    for profile, file in found.values():
        made.add_row(profile.name, profile.about, file)
    console().print(made)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a profile, or Origin-Host of a configured peer.")
    ],
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a profile says, in words. An Origin-Host: what holds for that peer, its overrides included."""
    profile = _profile(context, config, name)
    if as_json:
        print_json(profile)
        return
    made = table(f"{profile.name}: {profile.about}", "key", "value", "meaning")
    for key, value, words in said(profile):
        made.add_row(key, value, words)
    console().print(made)


def said(profile: "GatewayProfile") -> list[tuple[str, str, str]]:
    """Every key, its value as in a file, and what it means."""
    from diameter_ocs.charging.gateway_file import KEYS
    from diameter_ocs.config.problems import toml_value

    keys = [key for key in KEYS if key != "about"]
    return [(key, toml_value(getattr(profile, key)), _words(key, getattr(profile, key))) for key in keys]


def _words(key: str, value: Any) -> str:
    if key in LISTED:
        return f"{LISTED[key]}: {', '.join(str(getattr(each, 'value', each)) for each in value) or 'nothing'}"
    return REAUTHORISATION[value] if key == "reauthorisation" else WORDS[key][value]


def _profiles(context: typer.Context, config: options.ConfigFile) -> dict[str, tuple["GatewayProfile", str]]:
    from diameter_ocs.config.gateways import load_profile, profile_files

    files = profile_files(node.settings(context, config))
    return {name: (load_profile(name, file), str(file)) for name, file in files.items()}


def _profile(context: typer.Context, config: options.ConfigFile, name: str) -> "GatewayProfile":
    from diameter_ocs.assemble import gateways_of

    found = _profiles(context, config)
    if name in found:
        return found[name][0]
    of_peer = gateways_of(node.settings(context, config))[name]
    if of_peer is None:
        raise Failure(f"NAME: {name!r} is neither a profile ({', '.join(found)}) nor a host of a [[peers]] table", 1)
    return of_peer
