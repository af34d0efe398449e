"""The demo's folder: a configuration of its own on ports that are free."""

import socket

import pytest

from diameter_ocs.config import load_config
from diameter_ocs.demo.folder import DemoFolder, any_port, free, set_key
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.address import Address


def test_its_configuration_is_right_and_all_inside(tmp_path):
    folder = DemoFolder(tmp_path / "demo")
    config = load_config(folder.config_file, {})
    assert config.diameter.listen == (folder.diameter,)
    assert config.http.listen == folder.http
    assert config.store.url == f"sqlite:///{tmp_path}/demo/ocs.db"
    assert config.resolve(config.catalogue.file).is_relative_to(tmp_path)
    folder.close()


def test_only_one_demo_at_a_time(tmp_path):
    first = DemoFolder(tmp_path)
    with pytest.raises(ConfigurationError, match="another demo runs"):
        DemoFolder(tmp_path)
    first.close()
    DemoFolder(tmp_path).close()


def test_fresh_forgets_the_database(tmp_path):
    DemoFolder(tmp_path).close()
    (tmp_path / "ocs.db").write_text("old")
    DemoFolder(tmp_path).close()
    assert (tmp_path / "ocs.db").exists()
    DemoFolder(tmp_path, fresh=True).close()
    assert not (tmp_path / "ocs.db").exists()


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        DemoFolder(tmp_path / "file" / "demo")


def test_a_taken_port_is_replaced():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        usual = Address(*taken.getsockname())
        assert free(usual) != usual
    assert free(usual) == usual
    assert any_port("127.0.0.1").port > 0


def test_keys_are_set_in_their_section_only():
    text = "[a]\n#listen = 1\n[b]\n#listen = 2\n"
    assert set_key(text, "b", "listen", "3") == "[a]\n#listen = 1\n[b]\nlisten = 3\n"
    with pytest.raises(ConfigurationError):
        set_key(text, "c", "listen", "3")


@pytest.mark.parametrize("name", ["ocs.toml", "ocs.db"])
def test_what_no_demo_made_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(ConfigurationError, match=f"holds {name}, made by no demo; name another folder"):
        DemoFolder(tmp_path, fresh=True)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"
