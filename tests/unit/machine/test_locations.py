from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.clients import FORMATS, System
from provisioner.errors import ProvisionError
from provisioner.machine.locations import Machine, locate


def machine(home: Path, system: System = "linux", **env: str) -> Machine:
    return Machine(system, home, env)


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_homes_and_projects(tmp_path: Path) -> None:
    """A client's file is below the user's home, or for projects below the current directory."""
    assert locate("cursor", machine(tmp_path)) == tmp_path / ".cursor/mcp.json"
    assert locate("vscode", machine(tmp_path)) == Path(".vscode/mcp.json")
    assert locate("claude-code", machine(tmp_path)) == Path(".mcp.json")


@pytest.mark.parametrize(
    ("system", "place"),
    [
        ("linux", ".config/Claude/claude_desktop_config.json"),
        ("darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "Roaming/Claude/claude_desktop_config.json"),
    ],
)
def test_each_system_has_its_place(system: System, place: str, tmp_path: Path) -> None:
    """Claude Desktop keeps its file elsewhere on each system."""
    found = locate("claude-desktop", machine(tmp_path, system, APPDATA=str(tmp_path / "Roaming")))
    assert found == tmp_path / place


def test_the_windows_package_comes_first(tmp_path: Path) -> None:
    """Where Claude Desktop is installed as a package, that one's file is the one it reads."""
    local = tmp_path / "Local"
    here = machine(tmp_path, "win32", APPDATA=str(tmp_path / "Roaming"), LOCALAPPDATA=str(local))
    plain = locate("claude-desktop", here)
    packaged = make(
        local / "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"
    )
    assert locate("claude-desktop", here) == packaged != plain


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("opencode", ".config/opencode/opencode.jsonc"),
        ("antigravity", ".gemini/antigravity-cli/mcp_config.json"),
    ],
)
def test_other_names_that_exist_come_first(name: str, first: str, tmp_path: Path) -> None:
    """Where a client reads one of two files, the one that is there is taken."""
    default = locate(name, machine(tmp_path))
    assert locate(name, machine(tmp_path)) == default
    assert make(tmp_path / first) == locate(name, machine(tmp_path)) != default


@pytest.mark.parametrize(
    ("name", "variable", "file"),
    [
        ("codex", "CODEX_HOME", "config.toml"),
        ("copilot", "COPILOT_HOME", "mcp-config.json"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("goose", "XDG_CONFIG_HOME", "goose/config.yaml"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
    ],
)
def test_variables_move_a_clients_directory(
    name: str, variable: str, file: str, tmp_path: Path
) -> None:
    """What a client's own variable says is where it looks; an empty one says nothing."""
    assert locate(name, Machine("linux", tmp_path, {variable: "/moved"})) == Path("/moved", file)
    assert tmp_path in locate(name, Machine("linux", tmp_path, {variable: ""})).parents


def test_the_other_name_is_looked_for_where_the_directory_is(tmp_path: Path) -> None:
    """OpenCode's second name counts in a directory that was moved, and no longer in the home."""
    make(tmp_path / ".config/opencode/opencode.jsonc")
    here = machine(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "moved"))
    assert locate("opencode", here) == tmp_path / "moved/opencode/opencode.json"
    assert make(tmp_path / "moved/opencode/opencode.jsonc") == locate("opencode", here)


@pytest.mark.parametrize(
    ("name", "system"),
    [("langgraph", "linux"), ("mcpservers", "darwin"), ("claude-desktop", "win32")],
)
def test_formats_without_a_place(name: str, system: System, tmp_path: Path) -> None:
    """A format that no program looks for, or a system that does not say where, wants a path."""
    with pytest.raises(ProvisionError, match="has no place of its own") as caught:
        locate(name, machine(tmp_path, system))
    assert caught.value.hint == f"say where: --client {name}=FILE"


def test_every_home_can_be_found(tmp_path: Path) -> None:
    """All places that formats name are found on all systems."""
    for name, form in FORMATS.items():
        for system in form.homes:
            found = locate(name, machine(tmp_path, system, APPDATA="C:\\Users\\me\\AppData"))
            assert not {"~", "%"} & set(str(found))
