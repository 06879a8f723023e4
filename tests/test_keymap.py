"""Owns the tests of which key means what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.config import Workspace
from alcore.errors import InvalidSettings
from alcore.keymap import ACTIONS, check, layout, read_key, target_of
from alcore.records import Class
from alcore.services import keys, projects
from alcore.store import Store

FRUITS = ["apple", "banana", "cherry", "blueberry", "umbrella"]


def classes(names: list[str]) -> list[Class]:
    return [Class(i + 1, name, i) for i, name in enumerate(names)]


def keys_of(names: list[str], own: dict[str, str] | None = None) -> list[list[str]]:
    return list(layout(classes(names), own or {})["classes"].values())


def test_classes_have_their_digit_and_a_letter_that_only_they_begin_with() -> None:
    assert keys_of(FRUITS) == [["1", "a"], ["2"], ["3", "c"], ["4"], ["5"]]


def test_classes_that_are_digits_have_their_own() -> None:
    assert keys_of(["7", "0", "3"]) == [["7"], ["0"], ["3"]]


def test_digits_of_every_script_are_digits() -> None:
    assert keys_of(["٧", "０"]) == [["7"], ["0"]]
    assert keys_of(["5", "５"]) == [["1"], ["2"]]
    assert (read_key("۳"), read_key("Shift+３")) == ("3", "⇧3")


def test_classes_11_to_20_have_shift_and_later_ones_only_letters() -> None:
    found = keys_of([f"a{i}" for i in range(20)] + ["kiwi"])
    assert [found[9], found[10], found[19], found[20]] == [["0"], ["⇧1"], ["⇧0"], ["k"]]


def test_a_class_of_one_letter_comes_before_an_action() -> None:
    found = layout(classes(["U", "V"]), {})
    assert found["classes"] == {"1": ["1", "u"], "2": ["2", "v"]}
    assert "unsure" not in found["actions"]


def test_the_search_comes_with_eleven_classes() -> None:
    assert keys_of(["fig", "kiwi"])[0] == ["1", "f"]
    assert "search" in layout(classes([f"a{i}" for i in range(11)]), {})["actions"]


def test_an_own_key_stands_in_place_of_the_standard_ones() -> None:
    found = layout(classes(FRUITS), {"class 2": "q", "skip": "a"})
    assert found["classes"]["1"] == ["1"]
    assert found["classes"]["2"] == ["q"]
    assert found["actions"]["skip"] == ["a"]


@pytest.mark.parametrize(
    "own",
    [
        {"class 2": "u"},
        {"class 2": "1"},
        {"class 2": "x", "skip": "x"},
        {"skip": "3"},
        {"class 9": "x"},
        {"skip": "ctrl"},
        {"skip": "X"},
    ],
)
def test_conflicts_and_nonsense_are_refused(own: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings):
        check(classes(FRUITS), own)


def test_two_things_can_swap_their_keys() -> None:
    own = {"class 1": "2", "class 2": "1", "unsure": "Space", "skip": "u"}
    check(classes(FRUITS), own)
    assert keys_of(FRUITS, own)[:2] == [["2"], ["1"]]


@given(
    st.lists(st.text("abuwFÜ7 ", min_size=1, max_size=3), unique=True, max_size=30),
    st.dictionaries(
        st.sampled_from([*ACTIONS, *map(target_of, range(1, 31))]), st.sampled_from("quf1⇧3")
    ),
)
def test_no_key_ever_means_two_things(names: list[str], own: dict[str, str]) -> None:
    named = classes([name for name in names if name.strip()])
    own = {t: k for t, k in own.items() if list(own.values()).count(k) == 1}
    there = {*ACTIONS, *(target_of(c.id) for c in named)}
    found = layout(named, {t: k for t, k in own.items() if t in there})
    given_out = [k for part in found.values() for keys in part.values() for k in keys]
    assert len(given_out) == len(set(given_out))


@pytest.mark.parametrize("typed", ["", "Esc", "F5", "Ctrl+a", "ab", "Shift+,", "Shift+Space"])
def test_what_is_no_key_is_refused(typed: str) -> None:
    with pytest.raises(InvalidSettings):
        read_key(typed)


def test_own_keys_are_kept_with_the_project(workspace: Workspace) -> None:
    store = Store.open(workspace)
    made = projects.create(store, "fruits", {"kind": "shapes", "size": 10}, "none", None, FRUITS)
    project = projects.get(store, made)
    keys.set_key(store, project, "skip", "Shift + s")
    with pytest.raises(InvalidSettings, match="Skip"):
        keys.set_key(store, projects.get(store, made), "undo", "⇧S")
    project = projects.get(store, made)
    assert keys.layout(project)["actions"]["skip"] == ["⇧s"]
    assert [line.name for line in keys.table(project) if line.own] == ["Skip"]
    # Other settings are saved without touching them.
    projects.edit(store, project, replace(project.settings, guidelines="look twice"))
    keys.set_key(store, projects.get(store, made), "skip", "")
    assert projects.get(store, made).settings.keys == {}
    store.close()
