"""Settings: found, overlaid, checked, described; and every mistake told at once."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from diameter_ocs.config import Config, describe, find_file, load_config
from diameter_ocs.config.checks import portal_secret
from diameter_ocs.config.gateways import profile_files, profiles_of
from diameter_ocs.config.model import PeerRule
from diameter_ocs.config.problems import toml_value
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.address import Address
from diameter_ocs.server.resources import config_dir
from diameter_ocs.values.identity import IdentityKind

SHIPPED = Path(__file__).parents[1] / "config" / "ocs.toml"
NODE = '[node]\norigin_host = "ocs01.example.org"\norigin_realm = "example.org"\n'


@pytest.fixture
def write(tmp_path):
    """Writes ocs.toml with its catalogue beside it; gives its path."""

    def write(text: str, name: str = "ocs.toml") -> Path:
        (tmp_path / "catalogue").mkdir(exist_ok=True)
        (tmp_path / "catalogue" / "demo.toml").touch()
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, environ or {})
    return caught.value.problems


# The shipped file ------------------------------------------------------------------------------


def test_the_shipped_file_works_as_it_is():
    config = load_config(SHIPPED, {})
    assert config.node.origin_host == "ocs01.ocs.mnc001.mcc001.3gppnetwork.org"
    assert config.diameter.listen == (Address("127.0.0.1", 3868),)
    assert config.peers[0].host == "*.epc.mnc001.mcc001.3gppnetwork.org"
    assert ip_network("127.0.0.0/8") in config.peers[0].networks
    assert config.resolve(config.catalogue.file).is_file()


def shipped_keys() -> dict[str, dict[str, str]]:
    """Section -> key -> value as written, commented or not."""
    sections: dict[str, dict[str, str]] = {}
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if header := re.match(r"\[\[?(\w+)\]", line):
            keys = sections.setdefault(header[1], {})
        elif assignment := re.match(r"#?(\w+) = (.+)", line):
            keys[assignment[1]] = assignment[2]
    return sections


def test_the_shipped_file_names_every_key_with_its_true_default():
    shipped = shipped_keys()
    assert list(shipped) == list(Config.model_fields)
    for section, field in Config.model_fields.items():
        model = PeerRule if section == "peers" else field.annotation
        assert set(shipped[section]) == set(model.model_fields), section
        for key, setting in model.model_fields.items():
            if not setting.is_required() and setting.default is not None:
                written = shipped[section][key]
                assert toml_value(setting.default) == written or float(setting.default) == float(written), key


def test_every_setting_says_what_it_means():
    for row in describe(load_config(SHIPPED, {}))["settings"]:
        assert row["meaning"], row["key"]


# Where settings come from ----------------------------------------------------------------------


def test_the_first_place_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_file(Path("given.toml"), {"OCS_CONFIG": "env.toml"}) == Path("given.toml")
    assert find_file(None, {"OCS_CONFIG": "env.toml"}) == Path("env.toml")
    user = tmp_path / "home" / ".config" / "diameter_ocs" / "ocs.toml"
    for place in (user, tmp_path / "config" / "ocs.toml", tmp_path / "ocs.toml"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        found = find_file(None, {})
        assert found is not None
        assert found.resolve() == place


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(write):
    path = write(NODE + "[diameter]\nwatchdog_seconds = 20\nmax_connections = 7\n")
    environ = {
        "OCS_DIAMETER__WATCHDOG_SECONDS": "12",
        "OCS_DIAMETER__LISTEN": "0.0.0.0:3868, [::]:3868",
        "OCS_DIAMETER__ANSWER_DEADLINE_SECONDS": "3",
        "OCS_NODE__SERVE_PEER_REALMS": "false",
        "OCS_NODE__PRODUCT_NAME": "12",
        "OCS_SESSIONS__IDENTITY_PREFERENCE": '["imsi"]',
        "OCS_PEERS": '[{host = "pgw.example.org", networks = ["10.0.0.0/8"]}]',
        "OCS_SERVICE_HOST": "10.2.3.4",
    }
    config = load_config(path, environ, {"http.listen": "127.0.0.1:0", "diameter.max_connections": 9})
    assert config.diameter.watchdog_seconds == 12
    assert config.diameter.listen == (Address("0.0.0.0", 3868), Address("::", 3868))
    assert config.diameter.answer_deadline_seconds == 3
    assert config.node.serve_peer_realms is False
    assert config.node.product_name == "12"
    assert config.sessions.identity_preference == (IdentityKind.IMSI,)
    assert config.peers[0].networks == (ip_network("10.0.0.0/8"),)
    assert config.http.listen == Address("127.0.0.1", 0)
    assert config.diameter.max_connections == 9


def test_the_environment_alone_is_enough(write, tmp_path, monkeypatch):
    write(NODE)
    monkeypatch.chdir(tmp_path / "catalogue")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load_config(
        None,
        {
            "OCS_NODE__ORIGIN_HOST": "OCS01.Example.org",
            "OCS_NODE__ORIGIN_REALM": "example.org",
            "OCS_CATALOGUE__FILE": "demo.toml",
        },
    )
    assert config.file is None
    assert config.node.origin_host == "ocs01.example.org"


def test_a_secret_is_read_from_a_file(write, tmp_path):
    secret = tmp_path / "url"
    secret.write_text("sqlite:////srv/ocs.db\n")
    config = load_config(write(NODE), {"OCS_STORE__URL_FILE": str(secret)})
    assert config.store.url == "sqlite:////srv/ocs.db"


def test_the_portal_secret_comes_from_one_place_is_long_enough_and_never_shown(write, tmp_path):
    (tmp_path / "secret").write_text("sixteen or more characters\n")
    base = '[node]\norigin_host = "ocs.example.org"\norigin_realm = "example.org"\n[portal]\n'
    loaded = load_config(write(base + f'secret_file = "{tmp_path / "secret"}"'), {})
    assert portal_secret(loaded) == b"sixteen or more characters"
    shown = {
        row["key"]: row["value"]
        for row in describe(load_config(write(base), {"OCS_PORTAL__SECRET": "x" * 16}))["settings"]
    }
    assert shown["portal.secret"] == "***"
    for wrong, told in (
        ('secret = "brief"', "too short: 5"),
        (f'secret = "{"x" * 16}"\nsecret_file = "{tmp_path / "secret"}"', "keep one of the two"),
        ('secret_file = "/nowhere"', "cannot be read"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_config(write(base + wrong), {})
        assert any(told in line for line in caught.value.problems), caught.value.problems
        assert not any("brief" in line for line in caught.value.problems)


def test_description_tells_value_and_origin(write):
    path = write(NODE + '[[peers]]\nhost = "pgw.example.org"\n')
    shown = describe(load_config(path, {"OCS_LOG__LEVEL": "debug"}, {"http.listen": "[::1]:0"}))
    rows = {row["key"]: (row["value"], row["origin"]) for row in json.loads(json.dumps(shown))["settings"]}
    assert shown["file"] == str(path)
    assert rows["node.origin_host"] == ("ocs01.example.org", f"{path}:2")
    assert rows["peers[0].host"] == ("pgw.example.org", f"{path}:5")
    assert rows["peers[0].networks"] == (["127.0.0.0/8", "::1/128"], "default")
    assert rows["log.level"] == ("debug", "OCS_LOG__LEVEL")
    assert rows["http.listen"] == ("[::1]:0", "command line")
    assert rows["diameter.listen"] == (["127.0.0.1:3868"], "default")
    assert rows["sessions.identity_preference"][0][0] == "msisdn"


# Mistakes --------------------------------------------------------------------------------------


def test_every_mistake_is_listed_at_once_with_line_key_rule_and_suggestion(write):
    path = write(
        NODE
        + '[diameter]\nwatchdog_secnds = 20\nlisten = ["127.0.0.1"]\nmax_connections = "many"\nwatchdog_seconds = 5\n'
        + '[[peers]]\nhost = "pgw.example.org"\n[[peers]]\nnetworks = ["10.1.0.5/8"]\n[strore]\nurl = "x"\n'
    )
    found = problems(path, {"OCS_LOG__LEVEL": "loud"})
    assert found == [
        "OCS_LOG__LEVEL log.level — must be 'debug', 'info', 'warning' or 'error', not 'loud' "
        '— for example: level = "info"',
        f"{path}:5 diameter.watchdog_secnds — is no key of [diameter] — did you mean 'watchdog_seconds'?",
        f"{path}:6 diameter.listen[0] — needs a host and a port, joined by a colon, not '127.0.0.1' "
        '— for example: listen = ["127.0.0.1:3868"]',
        f"{path}:7 diameter.max_connections — must be a whole number without quotes, not 'many' "
        "— for example: max_connections = 256",
        f"{path}:8 diameter.watchdog_seconds — must be greater than or equal to 6, not 5 "
        "— for example: watchdog_seconds = 30",
        f'{path}:11 peers[1].host — is required — for example: host = "pgw01.epc.mnc001.mcc001.3gppnetwork.org"',
        f"{path}:12 peers[1].networks[0] — has bits behind its prefix; the network is '10.0.0.0/8', "
        'not \'10.1.0.5/8\' — for example: networks = ["127.0.0.0/8", "::1/128"]',
        f"{path}:13 strore — is no key of the file — did you mean 'store'?",
    ]


def test_a_syntax_error_names_its_line(write):
    path = write(NODE + "[http]\nlisten = 127.0.0.1:8868\n")
    (found,) = problems(path)
    assert found.startswith(f"{path}:5 — is not TOML: ")
    assert "listen = 127.0.0.1:8868" in found


def test_a_key_given_twice_names_its_line(write):
    path = write(NODE + '[log]\nlevel = "info"\nlevel = "debug"\n')
    (found,) = problems(path)
    assert found.startswith(f"{path}:6 — is not TOML: ")


def test_keys_inside_long_text_are_no_keys(write):
    path = write('[node]\nproduct_name = """\norigin_host = 1\n"""\norigin_host = 2\norigin_realm = "a.b"\n')
    (found,) = problems(path)
    assert found.startswith(f"{path}:5 node.origin_host")


def test_no_file_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = problems(None)
    assert "/etc/diameter_ocs/ocs.toml" in found[0]
    assert any("node.origin_host — is required" in line for line in found)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_an_unreadable_file_is_one_clear_problem(tmp_path, content):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    (found,) = problems(path)
    assert str(path) in found


BAD_SECTIONS = {
    "a short host": ('[node]\norigin_host = "ocs01"\norigin_realm = "example.org"\n', "node.origin_host"),
    "not a table": ("node = 1\n", "node — must be a table of keys"),
    "peers not an array": (NODE + '[peers]\nhost = "a.b"\n', "peers — must be a list"),
    "a late answer": (NODE + "[diameter]\nanswer_deadline_seconds = 5.1\n", "less than or equal to 5"),
    "no deadline": (NODE + "[diameter]\nanswer_deadline_seconds = 0\n", "greater than 0"),
    "an infinite deadline": (NODE + "[diameter]\nanswer_deadline_seconds = inf\n", "must be a finite number"),
    "a number in quotes": (NODE + '[engine]\nqueue_limit = "5"\n', "must be a whole number without quotes"),
    "truth as a number": (NODE + "[engine]\nqueue_limit = true\n", "must be a whole number without quotes"),
    "no listeners": (NODE + "[diameter]\nlisten = []\n", "must not be empty"),
    "a list without brackets": (NODE + '[diameter]\nlisten = "127.0.0.1:1"\n', "must be a list in brackets"),
    "a bare IPv6 address": (NODE + '[http]\nlisten = "::1:8868"\n', "stands in brackets"),
    "a port too high": (NODE + '[http]\nlisten = "127.0.0.1:70000"\n', "not a number from 0 to 65535"),
    "an address too long": (NODE + '[http]\nlisten = "127.0.0.256:70"\n', "http.listen"),
    "an unknown store": (NODE + '[store]\nurl = "postgresql://db/ocs"\n', "must be 'sqlite:///' and a path"),
    "an unknown identity": (NODE + '[sessions]\nidentity_preference = ["imei"]\n', "identity_preference[0]"),
    "an identity twice": (NODE + '[sessions]\nidentity_preference = ["imsi", "imsi"]\n', "names something twice"),
    "a star inside": (NODE + '[[peers]]\nhost = "pgw*.example.org"\n', "a star may only stand"),
    "the same port twice": (
        NODE + '[diameter]\nlisten = ["127.0.0.1:3868", "0.0.0.0:3868"]\n',
        "diameter.listen[1] — '0.0.0.0:3868' takes the same port",
    ),
    "Diameter and HTTP on one port": (NODE + '[http]\nlisten = "127.0.0.1:3868"\n', "http.listen — '127.0.0.1:3868'"),
    "a peer twice": (NODE + '[[peers]]\nhost = "a.b"\n[[peers]]\nhost = "A.b"\n', "peers[1].host — 'a.b' has a rule"),
    "itself as peer": (NODE + '[[peers]]\nhost = "ocs01.example.org"\n', "this node's own origin_host"),
    "connecting to a pattern": (
        NODE + '[[peers]]\nhost = "*.a.b"\nconnect = "127.0.0.2:3868"\n',
        "needs a full host, not a pattern",
    ),
    "connecting outside its networks": (
        NODE + '[[peers]]\nhost = "x.a.b"\nconnect = "192.0.2.1:3868"\n',
        "in none of the rule's networks",
    ),
    "connecting to port 0": (NODE + '[[peers]]\nhost = "x.a.b"\nconnect = "127.0.0.1:0"\n', "port 0 is no port"),
    "connecting to itself": (
        NODE + '[[peers]]\nhost = "x.a.b"\nconnect = "127.0.0.1:3868"\n',
        "an address this node listens on",
    ),
    "a batch above the queue": (NODE + "[engine]\nqueue_limit = 10\n", "engine.batch_limit — 256 is more"),
    "a buffer below a message": (NODE + "[diameter]\nmax_message_bytes = 8000000\n", "diameter.write_buffer_bytes"),
    "a store slower than an answer": (NODE + "[store]\nbusy_timeout_seconds = 4.5\n", "store.busy_timeout_seconds"),
    "one context, two services": (
        NODE + '[services]\nsms = ["32251@3gpp.org"]\n',
        "services.sms[0] — '32251@3gpp.org' is a context of data already",
    ),
    "a context without a domain": (NODE + '[services]\nother = ["parking"]\n', "services.other[0]"),
    "events forgotten too soon": (NODE + "[events]\noutcome_retention_seconds = 60\n", "86400"),
    "no catalogue": (NODE + '[catalogue]\nfile = "none.toml"\n', "catalogue.file"),
    "no dictionary": (NODE + '[diameter]\ndictionaries = ["none"]\n', "diameter.dictionaries[0]"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_SECTIONS.values(), ids=BAD_SECTIONS.keys())
def test_a_mistake_is_named(write, text, expected):
    (found,) = problems(write(text))
    assert expected in found
    assert found.count(" — ") == 2


BAD_VARIABLES = {
    "OCS_DIAMETER__WATCHDOG_SECNDS": "did you mean 'watchdog_seconds'?",
    "OCS_DIAMETR__LISTEN": "'diametr' is no section",
    "OCS_NODE_ORIGIN_HOST": "write OCS_NODE__ORIGIN_HOST",
    "OCS_A__B__C": "too many parts",
    "OCS_STORE__URL_FILE": "cannot be read",
    "OCS_HTTP__LISTEN_FILE": "is no setting",
    "OCS_DIAMETER__WATCHDOG_SECONDS": "must be a whole number",
}


@pytest.mark.parametrize(("variable", "expected"), BAD_VARIABLES.items())
def test_a_mistaken_variable_is_named(write, variable, expected):
    (found,) = problems(write(NODE), {variable: "/nowhere/at all"})
    assert found.startswith(variable)
    assert expected in found


def test_shipped_data_is_found():
    assert (config_dir() / "ocs.toml").is_file()


def test_a_realm_may_have_one_label(write):
    """Open5GS is shipped with the realm 'localdomain'."""
    path = write(NODE + '[[peers]]\nhost = "*.LocalDomain"\nrealm = "LocalDomain"\n')
    (rule,) = load_config(path, {}).peers
    assert (rule.host, rule.realm) == ("*.localdomain", "localdomain")


# Profiles of gateways --------------------------------------------------------------------------

PEER = '[[peers]]\nhost = "smf.example.org"\n'


def test_a_peer_has_the_profile_it_names_with_its_overrides(write):
    text = NODE + PEER + 'profile = "open5gs"\n[peers.overrides]\naborts = true\n[[peers]]\nhost = "pgw.example.org"\n'
    profiles = profiles_of(load_config(write(text), {}))
    assert list(profiles) == ["smf.example.org"]
    assert (profiles["smf.example.org"].name, profiles["smf.example.org"].aborts) == ("open5gs", True)
    assert profiles["smf.example.org"].final_units == ()


def test_a_file_of_ones_own_beside_the_configuration_wins(write, tmp_path):
    path = write(NODE + PEER + 'profile = "open5gs"\n')
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "open5gs.toml").write_text('about = "ours"\n')
    (tmp_path / "gateways" / "lab.toml").write_text("thresholds = false\n")
    config = load_config(path, {})
    assert profiles_of(config)["smf.example.org"].about == "ours"
    assert profile_files(config)["lab"] == tmp_path / "gateways" / "lab.toml"


def test_mistakes_of_profiles_are_told_where_they_stand(write, tmp_path):
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "lab.toml").write_text("thresholds = 1\n")
    text = (
        NODE
        + PEER
        + 'profile = "open5g"\n[[peers]]\nhost = "a.example.org"\nprofile = "lab"\n'
        + '[[peers]]\nhost = "b.example.org"\noverrides = {threshold = false}\n'
        + '[[peers]]\nhost = "c.example.org"\nprofile = "xyzzy"\n'
    )
    wrong, lab, override, unknown = problems(write(text))
    assert "peers[0].profile — 'open5g' is no gateway profile — did you mean 'open5gs'?" in wrong
    assert "lab.toml thresholds — must be true or false, not 1" in lab
    assert "peers[2].overrides.threshold — is no key of a gateway profile — did you mean 'thresholds'?" in override
    assert "use one of: cisco-staros, ergw" in unknown
    assert "gateways/xyzzy.toml beside the configuration file" in unknown


def test_a_profile_that_cannot_be_read_is_told(write, tmp_path):
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "lab.toml").write_bytes(b"about = '\xff'")
    (tmp_path / "gateways" / "gone.toml").symlink_to(tmp_path / "nowhere")
    text = NODE + PEER + 'profile = "lab"\n[[peers]]\nhost = "a.example.org"\nprofile = "gone"\n'
    binary, gone = problems(write(text))
    assert "lab.toml: is not UTF-8 text" in binary
    assert "gone.toml: cannot be read" in gone


# The API ---------------------------------------------------------------------------------------


def test_the_api_is_open_to_the_network_with_tls_only(write, tmp_path):
    open_to_all = NODE + '[api]\nlisten = "0.0.0.0:8443"\n'
    (found,) = problems(write(open_to_all))
    assert "api.listen — '0.0.0.0:8443' is open to the network without TLS" in found
    assert load_config(write(open_to_all + "behind_proxy = true\n"), {}).api.behind_proxy
    assert load_config(write(NODE + '[api]\nlisten = "[::1]:0"\n'), {}).api.listen == Address("::1", 0)
    (missing,) = problems(write(open_to_all + f'certificate = "{write(NODE)}"\n'))
    assert "api.private_key — is missing beside certificate" in missing
    both = 'certificate = "nowhere.crt"\nprivate_key = "nowhere.key"\n'
    assert len(problems(write(open_to_all + both))) == 2
    assert "takes the same port" in problems(write(NODE + '[api]\nlisten = "127.0.0.1:8868"\n'))[0]
