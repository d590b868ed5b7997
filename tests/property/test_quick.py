"""The quick reader says what libyaml says, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provisioner.text.source import load, quick
from provisioner.values import canonical_json, freeze

GOLDEN = Path(__file__).parents[1] / "golden"
DOCUMENTS = [
    path.read_text()
    for directory in ("roles", "apps", "bots", "tokens", "tbot")
    for path in sorted(GOLDEN.glob(f"*/files/{directory}/*.yaml"))
]
SCALARS = (
    *(
        "a",
        "a:b",
        "a: b",
        "/x",
        "_",
        "true",
        "Null",
        "no",
        "12",
        "007",
        "1e3",
        "0x1F",
        "12:30",
        "8h",
    ),
    *("", "''", '""', '"a b"', '"a: b"', '"\\n\\""', '"\\x41"', '"\\/"', '"é"', "'a'", "<<", "..."),
    *("[]", "[a]", "[a, b]", '["a, b", c]', "[a,b]", "[a:b]", "[a: b]", "[[a]]", "{}", "{a: b}"),
    *("- a", "#", "a #b", "|", "&a b", "*a", "!t a", "a\u00a0b", "%", "---", "?", ", ", "1" * 19),
)
LIKELY = st.sampled_from(["", "", *SCALARS[:14], '"a b"', "[]", "[a, b]", "{}"])
SCALAR = st.sampled_from(SCALARS)
HEADS = st.sampled_from(["", "- ", "- ", "-", "- - ", " "])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return lines that look like block YAML, most of them whole: keys differ, indents move little."""
    lines: list[str] = []
    indent = 0
    for number in range(draw(st.integers(1, 8))):
        is_open = bool(lines) and lines[-1].endswith(": ")
        indent = max(0, indent + 2 * draw(st.sampled_from([1, 1, 0] if is_open else [0, 0, -1])))
        head = draw(HEADS) if draw(st.integers(0, 7)) == 0 else ""
        key = draw(st.sampled_from([*[f"k{number}"] * 8, f'"k {number}"', "k", "true"]))
        pair = f"{key}: {draw(LIKELY | LIKELY | SCALAR)}"
        lines.append(f"{' ' * indent}{head}{pair}")
    return "\n".join(lines)


NOISE = st.text(alphabet="ab:- \n\"'[]{},#\\01\t&*!|", max_size=40)


def agrees(text: str) -> bool:
    """Whether the quick reader takes a text; if so, it must say what libyaml does."""
    found = quick(text)
    if found is None:
        return False
    document, problems = load(text.encode(), "f")
    assert problems == ()
    assert document is not None
    assert canonical_json(found) == canonical_json(freeze(document.value or {}))
    return True


@given(texts() | NOISE)
@settings(max_examples=1000)
@example("a:\n  b: c\n d: e")
@example("a: b\n  c: d")
@example("a:\n- b")
@example("- a: b\n  c: d")
@example("a: null\n  b: c")
@example("a:\n  - b: c\n    d: e\n  - f")
@example("a:\n  - b:\n    - c")
@example("a: b\na: c")
@example('"": b')
def test_what_it_takes_means_the_same_to_libyaml(text: str) -> None:
    """Whatever is taken has no problem, and the same value."""
    agrees(text)


@given(st.data())
@settings(max_examples=500)
def test_a_spoiled_document_means_the_same_to_libyaml(data: st.DataObject) -> None:
    """A document of ours with a piece cut out or put in means the same to both, if it is taken."""
    text = data.draw(st.sampled_from(DOCUMENTS))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 12, len(text))))
    agrees(text[:start] + data.draw(NOISE | st.sampled_from(SCALARS)) + text[end:])


@pytest.mark.parametrize("directory", ["roles", "apps", "bots", "tbot"])
def test_it_takes_what_our_templates_write(directory: str) -> None:
    """Of the files in our own golden cases nearly all are read without libyaml."""
    texts = [path.read_text() for path in GOLDEN.glob(f"*/files/{directory}/*.yaml")]
    assert sum(map(agrees, texts)) >= 0.8 * len(texts) > 0
