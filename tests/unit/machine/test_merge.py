from __future__ import annotations

import json
import tomllib
from types import ModuleType
from typing import Any

import pytest
import yaml

from provisioner.clients import FORMATS
from provisioner.errors import FileError
from provisioner.machine.merge import Change, Existing, Merged, is_mergeable, merge_client
from provisioner.machine.sidecar import Ledger
from provisioner.text import yamledit
from provisioner.text.splice import SpliceError, jsonc, toml

ENTRY = {"command": "tsh", "args": ["mcp", "connect", "search"]}
OTHER = {"command": "tsh", "args": ["mcp", "connect", "files"]}


def rendering(**entries: Any) -> str:
    return json.dumps({"mcpServers": entries})


OURS = rendering(search=ENTRY)


def merged(
    text: str | None,
    wanted: str | None = OURS,
    *,
    ledger: Ledger | None = None,
    bot: str = "ci",
    form: str = "cursor",
) -> Merged:
    existing = Existing(text, ledger or Ledger(), bot)
    return merge_client(existing, wanted, FORMATS[form])


def again(before: Merged, wanted: str | None = OURS, *, bot: str = "ci", **edit: Any) -> Merged:
    """Merge once more, after somebody made `edit` to the first entry of the file."""
    text = before.text
    if edit:
        document = json.loads(text or "")
        document["mcpServers"]["search"].update(edit)
        text = json.dumps(document)
    return merged(text, wanted, ledger=before.ledger, bot=bot)


def entries(result: Merged) -> Any:
    return json.loads(result.text or "")["mcpServers"]


THEIRS = '{\n\t"theme": "dark",\n\t"mcpServers": {\n\t\t"gh": {"command": "npx"}\n\t}\n}\n'


class TestWhatHappensToAnEntry:
    def test_a_new_one_is_added(self) -> None:
        """An entry that is not there is put beside the others, which stay as they are."""
        result = merged(THEIRS)
        assert result.changes == (Change("add", "search"),)
        assert entries(result) == {"gh": {"command": "npx"}, "search": ENTRY}
        head = THEIRS[: THEIRS.index("\n\t}\n}")]
        assert (result.text or "").startswith(f'{head},\n\t\t"search": {{\n\t\t\t"command"')

    def test_ours_is_updated(self) -> None:
        """An entry that we wrote, and nobody has changed, becomes what is rendered now."""
        result = again(merged(THEIRS), rendering(search=OTHER))
        assert result.changes == (Change("update", "search"),)
        assert entries(result)["search"] == OTHER

    def test_an_equal_one_is_left(self) -> None:
        """Merging the same again changes neither the text nor the ledger."""
        first = merged(THEIRS)
        second = again(first)
        assert (second.text, second.ledger, second.changes) == (first.text, first.ledger, ())

    def test_one_that_is_no_longer_rendered_goes(self) -> None:
        """What the site does not name any more is taken out, as if it had never been there."""
        first = merged(THEIRS, rendering(search=ENTRY, files=OTHER))
        result = again(first, rendering(files=OTHER))
        assert result.changes == (Change("remove", "search"),)
        assert entries(result) == {"gh": {"command": "npx"}, "files": OTHER}
        assert again(result, rendering()).text == THEIRS

    def test_a_stranger_of_the_same_name_is_a_conflict(self) -> None:
        """An entry that we did not write and that says something else is never touched."""
        text = rendering(search={"command": "mine"})
        result = merged(text)
        (conflict,) = result.conflicts
        assert "search is there already, says something else" in conflict.message
        assert "name" in conflict.hint
        assert (result.text, result.ledger, result.changes) == (text, Ledger(), ())

    def test_an_equal_stranger_is_taken_over(self) -> None:
        """An entry that says what ours would is ours from then on, without a write."""
        text = json.dumps({"mcpServers": {"search": ENTRY, "gh": {}}}, indent=7)
        result = merged(text)
        assert (result.text, result.changes) == (text, (Change("take", "search"),))
        assert again(result).changes == ()
        assert set(entries(again(result, None))) == {"gh"}

    def test_an_edited_one_is_told(self) -> None:
        """An entry that somebody has changed since is overwritten, and said to be edited."""
        result = again(merged(THEIRS), args=["mine"])
        assert result.changes == (Change("update", "search", edited=True),)
        assert entries(result)["search"] == ENTRY

    def test_an_edit_to_what_is_rendered_now_is_none(self) -> None:
        """Somebody who has made the change that we would make has edited nothing."""
        result = again(merged(THEIRS), rendering(search=OTHER), args=OTHER["args"])
        assert result.changes == ()
        assert again(result, rendering(search=OTHER)).ledger == result.ledger

    def test_an_edited_one_that_goes_is_told(self) -> None:
        """What somebody has changed is not taken out without a word."""
        result = again(merged(THEIRS), None, disabled=True)
        assert result.changes == (Change("remove", "search", edited=True),)

    def test_one_that_somebody_took_out_comes_back(self) -> None:
        """An entry of ours that is gone is added again, and can be removed without a trace."""
        result = merged(THEIRS, ledger=merged(THEIRS).ledger)
        assert result.changes == (Change("add", "search"),)
        assert again(result, None).text == THEIRS

    def test_a_removal_of_what_is_gone_is_none(self) -> None:
        """What is not there need not be removed, and is not listed any more."""
        result = merged(THEIRS, None, ledger=merged(THEIRS).ledger)
        assert (result.text, result.changes, result.ledger) == (THEIRS, (), Ledger())


class TestTwoBots:
    def test_they_stand_side_by_side(self) -> None:
        """Each bot's entries come and go without the other's."""
        first = merged(THEIRS)
        both = again(first, rendering(files=OTHER), bot="other")
        assert set(entries(both)) == {"gh", "search", "files"}
        assert entries(again(both, None)).keys() == {"gh", "files"}
        assert again(again(both, None), None, bot="other").text == THEIRS

    def test_one_name_for_two_bots_is_a_conflict(self) -> None:
        """An entry of another bot is not ours, even where it is equal."""
        (conflict,) = again(merged(THEIRS), OURS, bot="other").conflicts
        assert conflict.message == "search is there already, for bot ci"
        assert "provision install ci --remove" in conflict.hint

    @pytest.mark.parametrize("text", ['{\n  "theme": "dark" // mine\n}\n', '{"mcpServers": { }}'])
    @pytest.mark.parametrize("first_to_go", ["ci", "other"])
    def test_made_parents_go_with_the_last(self, first_to_go: str, text: str) -> None:
        """What was made for our entries goes with the last of them, whichever it is."""
        both = again(merged(text), rendering(files=OTHER), bot="other")
        last = {"ci": "other", "other": "ci"}[first_to_go]
        assert again(again(both, None, bot=first_to_go), None, bot=last).text == text


class TestWholeFiles:
    def test_a_new_file_is_the_rendering(self) -> None:
        """Where there is no file it is written as it was rendered, comments and all."""
        text = (
            '{\n  // from the template\n  "$schema": "x", "mcp": {"search": {"type": "local"}}\n}\n'
        )
        result = merged(None, text, form="opencode")
        assert (result.text, result.changes) == (text, (Change("add", "search"),))

    def test_a_file_of_ours_follows_the_rendering(self) -> None:
        """A file that we alone wrote is written as a whole again, and goes as a whole."""
        first = merged(None)
        second = again(first, rendering(files=OTHER) + "\n")
        assert second.text == rendering(files=OTHER) + "\n"
        assert second.changes == (Change("add", "files"), Change("remove", "search"))
        assert again(second, None).text is None
        assert not again(second, None).ledger

    def test_a_change_outside_the_entries_is_told(self) -> None:
        """What changes in a file of ours beside its entries is a change, too."""
        result = again(merged(None), OURS + "\n")
        assert result.changes == (Change("update", "the file as a whole"),)

    @pytest.mark.parametrize("form", ["cursor", "goose", "codex"])
    def test_a_file_of_ours_that_others_use_is_merged(self, form: str) -> None:
        """What others have put into our file stays there when ours goes."""
        text, theirs = {
            "cursor": (OURS, f'{{"theme": 1, {OURS[1:]}'),
            "goose": ("extensions:\n  search: {cmd: tsh}\n", "a: 1\n"),
            "codex": ('[mcp_servers.search]\ncommand = "tsh"\n', "[profile]\na = 1\n"),
        }[form]
        first = merged(None, text, form=form)
        with_theirs = theirs if form == "cursor" else text + theirs
        result = merged(with_theirs, None, ledger=first.ledger, form=form)
        assert result.changes == (Change("remove", "search"),)
        wanted = {"cursor": '{"theme": 1}', "goose": "a: 1\n", "codex": "[profile]\na = 1\n"}
        assert result.text == wanted[form]

    def test_a_rewritten_file_of_ours_goes(self) -> None:
        """A file that we made and an application has only reformatted goes with our entries."""
        first = merged(None)
        pretty = json.dumps(json.loads(first.text or ""), indent=4)
        removed = merged(pretty, None, ledger=first.ledger)
        assert (removed.text, removed.ledger) == (None, Ledger())

    @pytest.mark.parametrize("wanted", ["{}", rendering()])
    def test_no_file_for_nothing(self, wanted: str) -> None:
        """Where no entry is rendered no file is made, and one that is ours goes."""
        assert merged(None, wanted).text is None
        assert again(merged(None), wanted).text is None

    def test_a_file_of_others_is_not_removed(self) -> None:
        """A file that was empty before us is empty after us, and still there."""
        first = merged("")
        assert entries(first) == {"search": ENTRY}
        assert again(first, None).text == ""


class TestLanguages:
    def test_toml(self) -> None:
        """Codex's tables are appended; removing them gives the original bytes."""
        text = "# mine\r\n[profile]\r\nmodel = 'x' # best\r\n"
        ours = '[mcp_servers.search]\ncommand = "tsh"\n\n[mcp_servers.files]\ncommand = "tsh"\n'
        result = merged(text, ours, form="codex")
        assert (result.text or "").startswith(text)
        assert tomllib.loads(result.text or "")["mcp_servers"].keys() == {"search", "files"}
        assert merged(result.text, None, ledger=result.ledger, form="codex").text == text

    def test_yaml(self) -> None:
        """Goose's extensions are merged with its quotes, comments and indentation kept."""
        text = (
            "extensions:\n    developer: {enabled: on} # mine\n    'x': ~\nGOOSE_MODEL: \"gpt\"\n"
        )
        ours = "extensions:\n  search:\n    cmd: tsh\n    args: [mcp]\n"
        result = merged(text, ours, form="goose")
        assert yaml.safe_load(result.text or "")["extensions"]["search"]["args"] == ["mcp"]
        assert merged(result.text, None, ledger=result.ledger, form="goose").text == text

    def test_the_root_itself_can_hold_the_entries(self) -> None:
        """LangGraph's file is a mapping of connections without a key above them."""
        text = '{"theirs": {"transport": "stdio"}}'
        result = merged(text, '{"search": {"transport": "stdio"}}', form="langgraph")
        assert json.loads(result.text or "").keys() == {"theirs", "search"}
        assert merged(result.text, None, ledger=result.ledger, form="langgraph").text == text

    def test_values_that_json_cannot_say(self) -> None:
        """A table with a date in it is somebody's, and no reason to fail."""
        text = "[mcp_servers.search]\nsince = 2026-01-01\n"
        result = merged(text, '[mcp_servers.search]\ncommand = "tsh"\n', form="codex")
        assert len(result.conflicts) == 1

    def test_which_formats_have_entries(self) -> None:
        """Every format but the bare command line can be merged."""
        assert [name for name, form in FORMATS.items() if not is_mergeable(form)] == ["command"]


class TestBadFiles:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"mcpServers": {', "line 1, column 17"),
            ("[]", "the file holds a list, not an object"),
            ('{"mcpServers": []}', '"mcpServers" is a list, not an object'),
            ('{"mcpServers": null}', '"mcpServers" is a single value, not an object'),
            ("\0", "line 1, column 1"),
            ("[" * 5000, "line 1"),
        ],
    )
    def test_they_are_refused_with_a_place(self, text: str, message: str) -> None:
        """A file that is broken, or holds other kinds of values, is told where and why."""
        with pytest.raises(SpliceError) as caught:
            merged(text)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("form", "wanted"),
        [("codex", "[mcp_servers.search]\n"), ("goose", "extensions: {search: {}}\n")],
    )
    def test_other_languages(self, form: str, wanted: str) -> None:
        """Broken TOML and YAML are told as well."""
        with pytest.raises(SpliceError, match="line [12], column"):
            merged("a: [b\n= 1", wanted, form=form)

    def test_a_rendering_of_another_shape(self) -> None:
        """A template of the user's own that renders something else is named."""
        with pytest.raises(
            FileError, match=r"cursor-mcp.json: as rendered it has no mapping at mc"
        ):
            merged(THEIRS, '{"mcpServers": []}')

    @pytest.mark.parametrize(
        ("form", "text", "what"),
        [
            ("cursor", '{} // "x"', "it has comments"),
            ("cursor", '{"a": [1,]}', "a comma before a closing bracket"),
            ("vscode", "{} // fine", None),
            ("cursor", '{"a": "// no"}', None),
        ],
    )
    def test_strict_clients_are_warned_of(self, form: str, text: str, what: str | None) -> None:
        """Who reads strict JSON ignores a file with comments; that is not our doing, but told."""
        wanted = OURS.replace("mcpServers", FORMATS[form].entries[0])
        warnings = merged(text, wanted, form=form).warnings
        assert [what in warning for warning in warnings if what] == ([True] if what else [])
        assert bool(warnings) == bool(what)


@pytest.mark.parametrize(
    ("form", "module"), [("cursor", jsonc), ("codex", toml), ("goose", yamledit)]
)
def test_a_file_is_read_once(form: str, module: ModuleType) -> None:
    """However many entries come, change and go, a file and its rendering are read once for all."""
    (key,) = FORMATS[form].entries
    names = [f"s{number}" for number in range(5)]

    def written(**entries: Any) -> str:
        return str(module.put_all("", (key,), entries))

    first = merged(written(gh=OTHER), written(**dict.fromkeys(names, ENTRY)), form=form)
    changed = dict.fromkeys(names[2:], OTHER)
    for wanted, count in ((written(**changed, new=ENTRY), 6), (None, 5)):
        module._document.cache_clear()
        second = merged(first.text, wanted, ledger=first.ledger, form=form)
        assert len(second.changes) == count
        assert module._document.cache_info().misses <= 3  # the third: after what went, what comes
