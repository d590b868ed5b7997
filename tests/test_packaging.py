"""What is released works where it is installed: wheel and sdist, away from the source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "build")


def call(*words: str | Path, cwd: Path) -> str:
    """Run a command to its good end and return what it says."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(word) for word in words]
    ran = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the sdist, and the wheel that was built from it."""
    root = tmp_path_factory.mktemp("build")
    source = shutil.copytree(ROOT, root / "source", ignore=LEFT_OUT)
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", root / "dist", cwd=source)
    return root / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def provision(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command, installed from the wheel into an environment of its own.

    The libraries that it needs are those of this environment.
    """
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    call(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
        *("--no-deps", "--no-index", "--disable-pip-version-check", wheel),
        cwd=home,
    )
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "provision"


def test_what_is_in_the_wheel(wheel: Path, dist: Path) -> None:
    """The wheel holds the package with its templates, and nothing beside it."""
    source = dist.parent / "source"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = {path.relative_to(source).as_posix() for path in source.glob("provisioner/**/*.py")}
    templates = {
        f"provisioner/{path.relative_to(source).as_posix()}"
        for path in source.glob("templates/**/*")
        if path.is_file()
    }
    packaged = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert packaged == modules | templates


def test_what_is_in_the_sdist(dist: Path) -> None:
    """The sdist holds what it takes to build, to test and to read about the package."""
    (found,) = dist.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "Makefile",
        "provisioner/cli/__init__.py",
        "templates/teleport/role.yaml.j2",
        "examples/quickstart/site.yaml",
        "tests/test_packaging.py",
    } <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith(".venv")}


def test_the_installed_command(provision: Path, tmp_path: Path) -> None:
    """Help, check, plan and apply work from the wheel alone, in any directory."""
    example = shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "quickstart")
    site, live = example / "site.yaml", example / "live.json"
    assert "Usage: provision" in call(provision, "--help", cwd=tmp_path)
    assert call(provision, "check", site, cwd=tmp_path).endswith("no problems\n")
    call(provision, "local", "init", "a.db", "--from", live, cwd=tmp_path)
    for option, said in (("plan", "+ role/example-role"), ("apply", "2 of 2 changes made.")):
        yes = ["--yes"] if option == "apply" else []
        assert said in call(provision, option, site, "--cluster", "local:a.db", *yes, cwd=tmp_path)
    assert call(provision, "schema", cwd=tmp_path).startswith("{")


def test_it_is_the_installed_one(provision: Path, tmp_path: Path) -> None:
    """The command runs what was installed, not the source that stands beside the tests."""
    python = provision.with_name("python")
    code = "import provisioner; print(provisioner.__file__)"
    found = Path(call(python, "-c", code, cwd=tmp_path).strip())
    assert found.is_relative_to(provision.parent.parent)
