from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.errors import Place
from provisioner.text.source import CODES, Document, Step, load, overlay
from provisioner.text.source._base import INVISIBLE
from provisioner.values import Plain

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VISIBLE = TEXT.filter(lambda text: not INVISIBLE.search(text) and "\t" not in text)
NUMBERS = st.integers(-(10**18) + 1, 10**18 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def trees(
    leaves: st.SearchStrategy[Plain], keys: st.SearchStrategy[str]
) -> st.SearchStrategy[Plain]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=25,
    )


TEXT_TREES = trees(TEXT, TEXT)
JSON_TREES = trees(st.none() | st.booleans() | NUMBERS | VISIBLE, VISIBLE)


def read(text: str, file: str = "f") -> Document:
    document, problems = load(text.encode(), file)
    assert problems == ()
    assert document is not None
    return document


def paths(value: Plain, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Plain]]:
    """Yield every path in a value that has a key or an index, with what stands there."""
    steps = (
        value
        if isinstance(value, Mapping)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for step in steps:
        yield (*path, step), value[step]
        yield from paths(value[step], (*path, step))


def text_at(document: Document, place: Place) -> str:
    return document.line(place.line)[place.column - 1 : place.end - 1]


@given(TEXT_TREES)
def test_what_another_emitter_writes_is_read_back(value: Plain) -> None:
    """PyYAML's dump of any tree of text, quoted and escaped as it likes, is read as that tree."""
    assert read(yaml.safe_dump(value, default_style='"', width=40)).value == value


@given(JSON_TREES)
@example([0.00011234567890123457, -1e-7, 1.7976931348623157e308, 10**18 - 1])
def test_json_is_yaml(value: Plain) -> None:
    """JSON without invisible characters means in YAML what it means in JSON, types included."""
    written = json.dumps(value, ensure_ascii=False)
    assert json.dumps(read(written).value, ensure_ascii=False) == written


@given(TEXT_TREES, st.booleans())
def test_places_point_at_scalars_and_keys(value: Plain, flow: bool) -> None:
    """At the place of a key stands that key, and at that of a scalar that scalar."""
    text = yaml.safe_dump(value, default_style='"', width=10**6, default_flow_style=flow)
    document = read(text)
    for path, found in paths(value):
        if isinstance(path[-1], str):
            assert read(text_at(document, document.key_place(path))).value == path[-1]
        if isinstance(found, str):
            assert read(text_at(document, document.place(path))).value == found


@given(JSON_TREES)
def test_places_point_at_whole_values_in_brackets(value: Plain) -> None:
    """At the place of a list or mapping on one line stands all of it."""
    document = read(json.dumps(value, ensure_ascii=False))
    for path, found in paths(value):
        assert json.loads(text_at(document, document.place(path))) == found


@given(TEXT_TREES)
def test_places_of_block_values_are_where_they_begin(value: Plain) -> None:
    """A mapping in block style is at its first key, a list at its first item's dash."""
    document = read(yaml.safe_dump(value, default_style='"', width=10**6, default_flow_style=False))
    for path, found in paths(value):
        shown = text_at(document, document.place(path))
        if found and isinstance(found, dict):
            first = (*path, next(iter(document_value(document, path))))
            assert shown.removeprefix("? ") == text_at(document, document.key_place(first))
        elif found and isinstance(found, list):
            assert shown.startswith("- ")


def document_value(document: Document, path: tuple[Step, ...]) -> Plain:
    value = document.value
    for step in path:
        value = value[step]
    return value


# --- anything at all ---------------------------------------------------------------------------

PIECES = st.sampled_from([
    "a", "b", "key", ": ", ":", "- ", "\n", "\n  ", "\n    ", "\n\n", "[", "]", "{", "}", ", ",
    "&x ", "*x", "*y ", "!t ", "! ", "'", '"', "|", ">", "# ", "? ", "~", "\t", "\\", "---\n",
    "...\n", "%YAML 1.2\n", "\r\n", "é", "😀", " ", "<<: ", "true", "\r", "\u2028", "@", "0", "01",
])  # fmt: skip
YAML_LIKE = st.lists(PIECES, max_size=40).map("".join)


@given(
    st.binary() | YAML_LIKE.map(str.encode) | st.text().map(lambda t: t.encode("utf-8", "ignore"))
)
@example(b"%TAG" * 99)
@example(b"[" * 9_999)
@example(b"- " * 9_999)
@example(b"? " * 999)
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
def test_no_bytes_can_raise(data: bytes) -> None:
    """Whatever the bytes, there is a document or a problem, and problems stand in the file."""
    document, problems = load(data, "f")
    assert document is not None or problems
    lines = data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").split("\n")
    for problem in problems:
        assert problem.code in CODES
        for place in (problem.at, *problem.related):
            if place is not None:
                assert 1 <= place.line <= len(lines)
                assert 1 <= place.column <= place.end <= len(lines[place.line - 1]) + 2


@given(YAML_LIKE)
def test_what_is_accepted_means_what_pyyaml_says(text: str) -> None:
    """Where YAML 1.1 and 1.2 agree, a document without problems has the value PyYAML gives it."""
    document, problems = load(text.encode(), "f")
    if document is not None and not problems:
        assert document.value == yaml.load(text, Loader=yaml.CSafeLoader)


@given(YAML_LIKE)
def test_every_path_has_a_place(text: str) -> None:
    """Of any document that is read, each key and value has a place that holds some of the text."""
    document, _ = load(text.encode(), "f")
    if document is None:
        return
    for path, found in paths(document.value):
        assert text_at(document, document.key_place(path)) or path[-1] == "" or found is None
        assert text_at(document, document.place(path)) or found is None


# --- overlays ----------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c"])
SITES = st.dictionaries(KEYS, trees(st.none() | st.sampled_from(["x", "y"]), KEYS), max_size=3)


def laid_over(upper: Plain, lower: Plain) -> Plain:
    """Say again, for two values, what an overlay is."""
    if not isinstance(upper, dict) or not isinstance(lower, dict):
        return upper
    merged = {key: laid_over(upper[key], lower[key]) for key in upper.keys() & lower.keys()}
    rest = {
        key: value for part in (lower, upper) for key, value in part.items() if key not in merged
    }
    removed = {key for key in merged if upper[key] is None}
    return {key: value for key, value in (merged | rest).items() if key not in removed}


def site(value: Plain, file: str) -> Document:
    return read(json.dumps(value, indent=1), file)


@given(SITES, SITES)
def test_an_overlay_keeps_values_and_origins(upper: Plain, lower: Plain) -> None:
    """A merged document has the merged value, and every leaf points at itself in its own file."""
    top, base = site(upper, "top"), site(lower, "base")
    merged = overlay(top, base)
    assert merged.value == laid_over(upper, lower)
    for path, found in paths(merged.value):
        place = merged.place(path)
        owner = top if place.file == "top" else base
        assert place == owner.place(path)
        assert document_value(owner, path) == found or isinstance(found, dict)


@given(SITES, SITES, SITES)
def test_grouping_overlays_does_not_matter(first: Plain, second: Plain, third: Plain) -> None:
    """Three layers give one value and the same places, whichever two are merged first."""
    a, b, c = site(first, "a"), site(second, "b"), site(third, "c")
    one, other, flat = overlay(overlay(a, b), c), overlay(a, overlay(b, c)), overlay(a, b, c)
    assert one.value == other.value == flat.value
    for path, _ in paths(flat.value):
        assert one.place(path) == other.place(path) == flat.place(path)
