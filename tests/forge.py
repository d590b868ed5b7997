"""What the ready-made CI talks to: `gh` and `curl` that answer from a file, `jq`, and a `tbot`.

The file holds what there is of comments and merged requests; each call is added to it with its
arguments and what it sent. What is downloaded is the file `archive`. Sources: https://docs.github.com/rest/issues/comments,
https://cli.github.com/manual/gh_api, https://docs.gitlab.com/api/notes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jq as libjq

ROOT: Final = Path(__file__).parent.parent
STATE: Final = "FORGE_STATE"
ME: Final = {"login": "github-actions[bot]", "id": 7}
_PAGE: Final = 100


class Forge:
    """A code host for one test: the commands that stand in for its clients, and what it holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "forge.json"
        self.bin = folder / "forge-bin"
        self.bin.mkdir()
        self.hold(comments=[], merged=[], calls=[], denied=False, archive="")
        for name in ("gh", "curl", "jq", "tbot"):
            command = self.bin / name
            command.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
                f"from tests import forge\nforge.{name}(sys.argv[1:])\n"
            )
            command.chmod(0o755)

    def hold(self, **facts: Any) -> None:
        """Change what the host holds."""
        known = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.path.write_text(json.dumps({**known, **facts}))

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.path.read_text())[name]

    @property
    def bodies(self) -> list[str]:
        """What stands in the comments."""
        return [comment["body"] for comment in self["comments"]]

    @property
    def writes(self) -> list[str]:
        """Each call that wrote, as its method and path."""
        return [
            f"{call['method']} {call['path']}" for call in self["calls"] if call["method"] != "GET"
        ]

    def said(self, command: str) -> list[list[str]]:
        """Return the arguments of each call of a command."""
        return [call["argv"] for call in self["calls"] if call["path"] == command]


def comment(body: str, author: Mapping[str, Any] = ME, number: int = 1) -> dict[str, Any]:
    """Return a comment, of which GitHub calls the author `user`."""
    return {"id": number, "user": author, "author": author, "body": body}


def gh(argv: Sequence[str]) -> None:
    """Do what `gh api` does."""
    words = list(argv)
    if words.pop(0) != "api":
        _answer("CALL", "gh", None, argv)
        return
    flags = {name: name in words for name in ("--paginate", "--silent")}
    words = [word for word in words if word not in flags]
    options = {name: _taken(words, name) for name in ("--method", "--jq", "--field")}
    (path,) = words
    sent = options["--field"]
    body = Path(sent.removeprefix("body=@")).read_text() if sent else None
    answer = _answer(options["--method"] or "GET", path, body, argv)
    if flags["--silent"]:
        return
    pages = (
        [answer] if isinstance(answer, dict) else _pages(answer, all_of_them=flags["--paginate"])
    )
    for page in pages:
        _filtered(options["--jq"] or ".", page)


def jq(argv: Sequence[str]) -> None:
    """Do what jq does with `--null-input` and a program."""
    flag, program = argv
    if flag != "--null-input":
        sys.exit("only `jq --null-input PROGRAM` is known here")
    _filtered(program, None)


def tbot(argv: Sequence[str]) -> None:
    """Take note of a bot that joins, with a configuration that is there."""
    Path(argv[argv.index("-c") + 1]).read_text()
    _answer("CALL", "tbot", None, argv)


def _filtered(program: str, value: Any) -> None:
    """Print what a program of jq makes of a value, text without quotes."""
    for each in libjq.compile(program).input_value(value).all():
        sys.stdout.write(f"{each if isinstance(each, str) else json.dumps(each)}\n")


def curl(argv: Sequence[str]) -> None:
    """Do what curl does for an API of GitLab, for `--output`, and for `--data`, of one address each."""
    words = [word for word in argv if word not in ("--fail", "--silent", "--show-error")]
    names = ("--request", "--header", "--form", "--output", "--data")
    options = {name: _taken(words, name) for name in names}
    (address,) = words
    if options["--output"]:
        _answer("CALL", "curl", address, argv)
        shutil.copy(json.loads(Path(os.environ[STATE]).read_text())["archive"], options["--output"])
        return
    if options["--data"]:
        data = options["--data"].removeprefix("@")
        _answer("CALL", address, sys.stdin.read() if data == "-" else Path(data).read_text(), argv)
        return
    header = Path((options["--header"] or "").removeprefix("@")).read_text()
    if header != f"PRIVATE-TOKEN: {os.environ['PROVISION_TOKEN']}\n":
        sys.exit("curl: (22) The requested URL returned error: 401")
    sent = options["--form"]
    body = Path(sent.removeprefix("body=<")).read_text() if sent else None
    path = address.removeprefix(os.environ["CI_API_V4_URL"] + "/")
    answer = _answer(options["--request"] or "GET", path, body, argv)
    page = re.search(r"[?&]page=(\d+)", path)
    if page:
        answer = answer[(int(page[1]) - 1) * _PAGE :][:_PAGE]
    sys.stdout.write(json.dumps(answer))


def _taken(words: list[str], name: str) -> str | None:
    """Take an option and its value out of a command line."""
    if name not in words:
        return None
    at = words.index(name)
    value = words[at + 1]
    del words[at : at + 2]
    return value


def _pages(items: list[Any], *, all_of_them: bool) -> list[list[Any]]:
    pages = [items[at : at + _PAGE] for at in range(0, len(items), _PAGE)] or [[]]
    return pages if all_of_them else pages[:1]


def _answer(method: str, path: str, body: str | None, argv: Sequence[str]) -> Any:
    file = Path(os.environ[STATE])
    state = json.loads(file.read_text())
    state["calls"].append({"method": method, "path": path, "argv": list(argv), "body": body})
    file.write_text(json.dumps(state))
    if state["denied"]:
        sys.exit("HTTP 403: Resource not accessible by integration")
    if method == "CALL":
        return {}
    if method == "GET":
        return _listed(path.partition("?")[0], state)
    if method == "POST":
        state["comments"].append(comment(body or "", ME, len(state["comments"]) + 1))
    else:
        number = int(path.rpartition("/")[2])
        for held in state["comments"]:
            if held["id"] == number:
                held["body"] = body
    file.write_text(json.dumps(state))
    return {}


def _listed(path: str, state: Mapping[str, Any]) -> Any:
    if path == "user":
        return ME
    if path.endswith(("/comments", "/notes")):
        return state["comments"]
    if path.endswith(("/pulls", "/merge_requests")):
        return state["merged"]
    return sys.exit(f"nothing is known of {path}")
