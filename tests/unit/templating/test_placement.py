"""Where a value may stand. In these tests `@` in a text is the place of a value."""

from __future__ import annotations

from itertools import count

import pytest

from provisioner.templating.placement import Apart, Branch, Loop, Raw, Steps, Text, Value, examine


def steps(text: str, numbers: count[int] | None = None) -> Steps:
    """Return the steps of a text, its values numbered from 0."""
    numbers = numbers or count()
    first, *rest = text.split("@")
    found: list[Text | Value] = [Text(first)] if first else []
    for part in rest:
        found += [Value(next(numbers)), *([Text(part)] if part else [])]
    return tuple(found)


def misplaced(language: str, *found: Text | Value | Raw | Apart | Branch | Loop) -> dict[int, str]:
    return dict(examine(language, found).misplaced)


@pytest.mark.parametrize(
    "text",
    [
        *("@", "@\n", "a: @\n", "a:\n  @\n", "- @\n", "- - @\n", "a:\n  - b: @\n    c: @\n"),
        *("@: @\n", "a: [@, @]\n", "a: [@]", "{@: @, b: @}", "a: {b: [@,\n  @]}", "- @ # note\n"),
        *('"q": @\n', "'it''s': @\n", 'a: "x # y"\nb: @', "a: it's\nb: @\n", "a: b#c\nb: @"),
        *("a: 1 # it's\nb: @\n", "--- # top\na: @\n---\n@: @\n", 'a: [ "b", @ ]\n', "a: @  \n"),
    ],
)
def test_whole_values_of_yaml(text: str) -> None:
    """A value may be a scalar, a key, or an item, in block style and in flow style."""
    assert misplaced("YAML", *steps(text)) == {}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("foo-@", "after other text"),
        ("a: b @", "after other text"),
        ("- -@", "after other text"),
        ("a: !tag @", "after other text"),
        ("a: &x @", "after other text"),
        ("? @", "after other text"),
        ("[a @]", "after other text"),
        ("a: foo, @", "after other text"),
        ('"@"', "inside quotes"),
        ("'a: @'", "inside quotes"),
        ("'it''s @'", "inside quotes"),
        ('"\\"@"', "inside quotes"),
        ('a: "b\n  @"', "inside quotes"),
        ('a: "b" @', "after another value"),
        ("[a] @", "after another value"),
        ("a:@", "after a colon without a space"),
        ("# @", "in a comment"),
        ("a: b # @", "in a comment"),
        ("a: |\n  @", "after a block scalar (| or >)"),
        ("a: >-\n  b\nc: @", "after a block scalar (| or >)"),
        ("@-a", "right before other text"),
        ("@ a", "right before other text"),
        ("[@ a]", "right before other text"),
        ("@, b", "right before other text"),
        ("@:b", "right before other text"),
        ("- @ : \n@x", "right before other text"),
    ],
)
def test_parts_of_values_of_yaml(text: str, where: str) -> None:
    """What would be a part of a scalar, a comment or nothing at all is found and described."""
    assert list(misplaced("YAML", *steps(text)).values()) == [where]


def test_two_values_do_not_make_one() -> None:
    """Where one value follows another, the second is misplaced."""
    assert misplaced("YAML", *steps("a: @@")) == {1: "right after another expression"}
    assert misplaced("YAML", *steps("a: @ @")) == {1: "right after another expression"}


@pytest.mark.parametrize("text", ["@: a", "@ : a", "{@: a}", "@:\n  a: b", "- @: a"])
def test_keys_are_known(text: str) -> None:
    """A value before a colon is a key."""
    assert examine("YAML", steps(text)).keys == {0}


@pytest.mark.parametrize("text", ["a: @", "- @\n", "[@, a: b]", "@ # b: c", "@\n: a"])
def test_what_is_no_key(text: str) -> None:
    """A value that no colon follows on its line is no key."""
    assert examine("YAML", steps(text)).keys == frozenset()


@pytest.mark.parametrize(
    "text", ['{"a": @, @: [@, @]}', '{"a":@}', "@", '{\n  "a": "b",\n  @: {}\n}']
)
def test_whole_values_of_json(text: str) -> None:
    """JSON has values and keys where YAML's flow style has them."""
    assert misplaced("JSON", *steps(text)) == {}


@pytest.mark.parametrize("text", ['"@"', '{"a": "x @"}', '{"a": 1@}', '{"a": @1}', '{"a": {} @}'])
def test_parts_of_values_of_json(text: str) -> None:
    """No value stands in a JSON string or beside another value."""
    assert list(misplaced("JSON", *steps(text))) == [0]


@pytest.mark.parametrize("language", ["TOML", "Python"])
@pytest.mark.parametrize(
    "text", ["a = @\n", "a = [@, @]", "[t.@]\n", "f(@, x=@)", "# it's\na = @", "'''it's'''\na = @"]
)
def test_whole_values_of_code(language: str, text: str) -> None:
    """In code a value stands wherever no word, string or comment has begun."""
    assert misplaced(language, *steps(text)) == {}


@pytest.mark.parametrize("language", ["TOML", "Python"])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "'@'",
            '"a @"',
            '"""a\n"b" @"""',
            "'''@'''",
            r"'it\'s @'",
            "# @",
            "f@",
            "1@",
            "@1",
            "@'a'",
        ),
        *('@"a"', "x = 'a'@", "@@"),
    ],
)
def test_parts_of_values_of_code(language: str, text: str) -> None:
    """No value stands in a string or a comment, nor beside a word."""
    assert len(misplaced(language, *steps(text))) == 1


def test_text_has_no_rules() -> None:
    """Languages without values, such as Markdown, take an expression anywhere."""
    assert misplaced("text", *steps('a@b "@" # @')) == {}


def arms(*texts: str) -> Branch:
    numbers = count()
    return Branch(tuple(steps(text, numbers) for text in texts))


def test_branches_are_alternatives() -> None:
    """A value in one branch does not stand after the value of another."""
    assert misplaced("YAML", Text("a: "), arms("@", "@", "b"), Text("\n")) == {}


def test_every_branch_leads_on() -> None:
    """What follows a branch follows each of its arms."""
    found = misplaced("YAML", Text("a: "), arms("b", ""), Value(7))
    assert found == {7: "after other text"}
    assert misplaced("YAML", arms("@", "@"), Text("b")) == dict.fromkeys(
        (0, 1), "right before other text"
    )


def test_a_key_has_its_colon_beside_it() -> None:
    """A colon that stands in a branch of its own would make a key of an unprepared value."""
    found = misplaced("YAML", Value(0), Branch((steps(": a"), ())))
    assert found == {0: "right before other text"}


def test_a_loop_follows_itself() -> None:
    """The second turn of a loop stands after the first."""
    assert misplaced("YAML", Loop(steps("- @\n"), ())) == {}
    assert misplaced("YAML", Loop(steps("@"), ())) == {0: "right after another expression"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), (Branch((steps(", "), ()), "not last"),)),
        ((), (Branch(((), steps(", ")), "last"),)),
        ((Branch((steps(", "), ()), "not first"),), ()),
        ((Branch(((), steps(", ")), "first"),), ()),
    ],
)
def test_separators_between_the_turns_of_a_loop(before: Steps, after: Steps) -> None:
    """`if not loop.last` and its kin are understood: each turn is separated from the next."""
    items = Loop((*before, Value(0), *after), ())
    assert misplaced("JSON", Text('{"a": ['), items, Text("]}")) == {}
    assert misplaced("JSON", Text("["), items, Value(1)) == {1: "right after another expression"}


def test_the_turn_is_that_of_the_innermost_loop() -> None:
    """An outer loop's last turn says nothing about the inner loop's."""
    inner = Loop((Value(0), Branch((steps(", "), ()), "not last")), ())
    assert misplaced("JSON", Text("["), Loop((inner,), ()), Text("]")) == {
        0: "right after another expression"
    }
    separated = Loop((inner, Branch((steps(", "), ()), "not last")), ())
    assert misplaced("JSON", Text("["), separated, Text("]")) == {}


def test_a_loop_without_turns_has_its_else() -> None:
    """The else of a loop stands where the loop does, not after it."""
    assert misplaced("YAML", Text("a: "), Loop(steps("@\n"), (Value(9),)), Text("\n")) == {}
    empty = misplaced("YAML", Text("a: b"), Loop(steps("\nc: @"), ()), Value(9))
    assert empty == {9: "after other text"}


def test_what_is_written_for_later_starts_afresh() -> None:
    """The body of a macro is judged by itself, and does not move the text around it."""
    assert misplaced("YAML", Text("a: b"), Apart(steps("@: @\n")), Text("\nc: "), Value(9)) == {}
    assert misplaced("YAML", Apart(steps('"@"'))) == {0: "inside quotes"}


def test_text_from_elsewhere_is_whole_lines() -> None:
    """An included template stands where a value could, and the next line is a new one."""
    assert misplaced("YAML", Text("a:\n  "), Raw(0), Text("b: "), Value(1)) == {}
    assert misplaced("YAML", Text('a: "'), Raw(0)) == {0: "inside quotes"}


def test_brackets_left_open_come_to_an_end() -> None:
    """A loop that opens more and more brackets is followed only so far."""
    assert misplaced("JSON", Loop(steps("["), ()), Value(0)) == {}


def test_deep_loops_are_quick() -> None:
    """Each step is followed once for each spot it can stand in, however loops are nested."""
    body: Steps = steps("- @\n")
    for _ in range(40):
        body = (Loop(body, ()),)
    assert misplaced("YAML", *body) == {}
