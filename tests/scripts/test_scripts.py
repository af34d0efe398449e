"""The shell scripts a person starts first."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import ROOT

SCRIPTS = (ROOT / "scripts" / "run", ROOT / "scripts" / "test", ROOT / ".ci" / "run")
TIMEOUT_SECONDS = 60


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the scripts need of a fresh checkout, without an environment."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("bench", "__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def run(checkout, name="run", *args, **environ):
    return subprocess.run(
        [checkout / "scripts" / name, *args],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=os.environ | environ,
    )


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(ROOT)))
def test_scripts_can_be_started(script):
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", script], check=True, timeout=TIMEOUT_SECONDS)


def test_a_python_without_venv_gets_the_name_of_the_package(checkout):
    """As on Debian, where venv is a package of its own."""
    script = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    python = program(checkout / "bin" / "python3", script)
    done = run(checkout, PYTHON=str(python))
    assert done.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt-get install python{version}-venv" in done.stderr


def test_no_python_is_said(checkout):
    folder = checkout / "bin"
    for tool in ("bash", "dirname", "cksum", "cat"):
        folder.mkdir(exist_ok=True)
        (folder / tool).symlink_to(shutil.which(tool))
    done = run(checkout, PATH=str(folder), PYTHON="")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def ready(checkout):
    """An environment that looks made, whose programs say how they were called."""
    bin_folder = checkout / ".venv" / "bin"
    program(
        bin_folder / "python", f'#!/bin/sh\n[ "$1" = -m ] && echo "python $*" && exit 0\nexec {sys.executable} "$@"\n'
    )
    program(bin_folder / "ocs", '#!/bin/sh\necho "ocs $*"\n')
    return bin_folder


def test_the_environment_is_installed_once_and_again_when_the_project_changes(checkout):
    ready(checkout)
    first, second = run(checkout, "run", "--once"), run(checkout, "run", "--once")
    assert "installing" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout == "ocs demo --once\n"
    with (checkout / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    assert "installing" in run(checkout).stderr


def test_a_failed_installation_shows_its_end_and_stops(checkout):
    bin_folder = ready(checkout)
    program(
        bin_folder / "python", f'#!/bin/sh\n[ "$1" = -m ] && echo "no index" && exit 1\nexec {sys.executable} "$@"\n'
    )
    done = run(checkout)
    assert done.returncode == 1
    assert "no index" in done.stderr
    assert "The installation failed" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("fails", ["", "ruff", "mypy"])
def test_the_tests_fail_when_any_step_does(checkout, fails):
    bin_folder = ready(checkout)
    for tool in ("ruff", "mypy"):
        program(bin_folder / tool, f"#!/bin/sh\nexit {int(tool == fails)}\n")
    done = run(checkout, "test", "tests/cli")
    assert "tests/cli" in done.stdout
    if fails:
        assert done.returncode == 1
        assert "FAILED: " in done.stdout.splitlines()[-1]
    else:
        assert done.returncode == 0
        assert "All checks passed" in done.stdout.splitlines()[-1]
