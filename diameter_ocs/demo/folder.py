"""The demo's folder: its configuration, catalogue, database and log, and the ports that are free."""

import errno
import fcntl
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.address import Address
from diameter_ocs.server.resources import config_dir

DIAMETER = Address("127.0.0.1", 3868)
HTTP = Address("127.0.0.1", 8868)
DATABASE = "ocs.db"
SIGN = "# Written by `ocs demo`"
HEADER = SIGN + " at every start. To look at the demo: ocs --config {file} account list\n\n"


class DemoFolder:
    """Made, and kept to one demo at a time, until `close`. Raises ConfigurationError."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path.expanduser().resolve()
        self._spare_what_others_made()
        self._lock = self._locked()
        if fresh:
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                (self.path / name).unlink(missing_ok=True)
        self.choose_ports()

    @property
    def config_file(self) -> Path:
        return self.path / "ocs.toml"

    @property
    def log_file(self) -> Path:
        return self.path / "ocs.log"

    @property
    def moved(self) -> list[str]:
        """What could not have its usual port, in words."""
        chosen = ((DIAMETER, self.diameter, "Diameter"), (HTTP, self.http, "HTTP"))
        return [
            f"port {usual.port} is taken, so {name} is on port {found.port}"
            for usual, found, name in chosen
            if found != usual
        ]

    def choose_ports(self, *, usual: bool = True) -> None:
        """Take the usual ports where they are free, or any, and write the configuration."""
        self.diameter, self.http = (free(each) if usual else any_port(each.host) for each in (DIAMETER, HTTP))
        self._write()

    def close(self) -> None:
        """Let another demo have the folder."""
        self._lock.close()

    def _spare_what_others_made(self) -> None:
        """A node's own settings and accounts must not be written over."""
        try:
            is_ours = self.config_file.read_text(encoding="utf-8", errors="replace").startswith(SIGN)
        except OSError:
            is_ours = False
        found = [name for name in ("ocs.toml", DATABASE) if (self.path / name).exists()]
        if found and not is_ours:
            made = ", ".join(found)
            raise ConfigurationError([f"--folder: {self.path} holds {made}, made by no demo; name another folder"])

    def _locked(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise ConfigurationError([f"--folder: {self.path} cannot be used: {error.strerror}"]) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise ConfigurationError([f"--folder: another demo runs in {self.path}; stop it or name another"]) from None
        return lock

    def _write(self) -> None:
        sample = config_dir()
        (self.path / "catalogue").mkdir(exist_ok=True)
        shutil.copyfile(sample / "catalogue" / "demo.toml", self.path / "catalogue" / "demo.toml")
        text = (sample / "ocs.toml").read_text(encoding="utf-8")
        text = set_key(text, "diameter", "listen", f'["{self.diameter}"]')
        text = set_key(text, "http", "listen", f'"{self.http}"')
        text = set_key(text, "store", "url", f'"sqlite:///{self.path / DATABASE}"')
        self.config_file.write_text(HEADER.format(file=self.config_file) + text, encoding="utf-8")


def set_key(text: str, section: str, key: str, value: str) -> str:
    """The same TOML with a key of a section set, whether it stood there or only behind a hash."""
    lines = text.splitlines()
    inside = False
    for index, line in enumerate(lines):
        if line.startswith("["):
            inside = line.strip() == f"[{section}]"
        elif inside and re.match(rf"#?{key}\s*=", line):
            lines[index] = f"{key} = {value}"
            return "\n".join(lines) + "\n"
    raise ConfigurationError([f"the sample configuration has no {section}.{key}"])


def free(usual: Address) -> Address:
    """The address itself, or one with another port when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(usual)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ConfigurationError([f"{usual}: {error.strerror}"]) from None
        else:
            return usual
    return any_port(usual.host)


def any_port(host: str) -> Address:
    """A port that is free at this moment."""
    with socket.socket() as probe, suppress(OSError):
        probe.bind((host, 0))
        return Address(host, probe.getsockname()[1])
    raise ConfigurationError([f"no port of {host} is free"])
