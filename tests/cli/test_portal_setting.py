"""A catalogue whose redirects are signed needs a secret, and says so before a node starts."""


def test_a_signed_link_needs_a_secret(ocs, monkeypatch):
    file = ocs.config.parent / "catalogue" / "demo.toml"
    text = file.read_text().replace(
        "[offers.prepaid-data]",
        '[final.portal]\naction = "redirect"\naddress = "https://topup.example.net/{token}"\n'
        '[offers.prepaid-data]\nfinal = "portal"',
    )
    file.write_text(text)
    assert "portal.secret" in ocs.refused("config", "check")
    monkeypatch.setenv("OCS_PORTAL__SECRET", "sixteen characters or more")
    ocs("config", "check")
    assert "sixteen" not in ocs("config", "show").stdout
