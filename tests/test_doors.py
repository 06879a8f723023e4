"""Owns the proof of who is let in, and of which folders of the server a page may name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made import BY_HAND, Tab, web_store
from made import project as small_project
from streamlit.testing.v1 import AppTest

from alcore.config import Access, LearnerRule, Workspace
from alcore.errors import ImportRefused, InvalidSettings, InvalidTicket, NotAllowed
from alcore.services import folders, originals, people, projects, rights, setup
from alcore.services.folders import Folders
from alcore.store import Store
from alcore.web import state
from alcore.web.doors import check_account, check_door, reaches_beyond
from alcore.web.tickets import TicketOffice

ROOT = Path(__file__).parent.parent
APP = str(ROOT / "app.py")


# -- the door ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "hosts", "beyond"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1"], False),
        ("::1", ["localhost", "[::1]"], False),
        ("localhost", ["localhost"], False),
        ("127.0.0.1", ["localhost", "label.example.org"], True),
        ("127.0.0.1", ["*"], True),
        ("127.0.0.1", [], True),
        ("0.0.0.0", ["localhost"], True),
        ("", ["localhost"], True),
        ("192.168.1.5", ["192.168.1.5"], True),
    ],
)
def test_whether_others_reach_the_app_is_told_by_where_it_listens_and_answers(
    address: str, hosts: list[str], beyond: bool
) -> None:
    assert reaches_beyond(address, hosts) == beyond


@pytest.mark.parametrize(
    ("access", "accounts", "says"),
    [
        (Access(), False, "ALCORE_WORD"),
        (Access(sign_in=("@school.example",)), False, "ALCORE_WORD"),
        (Access(), True, "ALCORE_SIGN_IN"),
        (Access(word="open sesame"), True, "ALCORE_SIGN_IN"),
        (Access(word="open sesame"), False, None),
        (Access(anybody=True), False, None),
        (Access(anybody=True), True, None),
        (Access(sign_in=("*",)), True, None),
    ],
)
def test_nobody_comes_in_from_beyond_before_it_was_said_who_may(
    access: Access, accounts: bool, says: str | None
) -> None:
    check_door(access, False, accounts)
    if says is None:
        check_door(access, True, accounts)
        return
    with pytest.raises(InvalidSettings, match=says):
        check_door(access, True, accounts)


def test_the_app_does_not_start_for_others_before_it_was_said_who_may_come_in(
    workspace: Workspace,
) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    ended = subprocess.run(
        [*command, "--server.port", "0", "--server.address", "0.0.0.0"],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(workspace.root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert "alcore cannot start: others than this computer could reach the app" in ended.stderr
    assert "Traceback" not in ended.stderr


ACCESS = Access(
    sign_in=("@school.example", "guest@else.example"), administrators=("head@a.example",)
)


@pytest.mark.parametrize(
    ("email", "verified", "comes_in"),
    [
        ("pupil@school.example", True, True),
        ("Pupil@School.Example", "true", True),
        ("guest@else.example", True, True),
        ("head@a.example", True, True),
        ("pupil@school.example", False, False),
        ("pupil@school.example", None, False),
        ("pupil@my-school.example", True, False),
        ("pupil@school.example.evil.example", True, False),
        ("other@else.example", True, False),
        ("@school.example@evil.example", True, False),
        ("", True, False),
        (None, True, False),
    ],
)
def test_only_listed_accounts_with_a_verified_address_come_in(
    email: str | None, verified: object, comes_in: bool
) -> None:
    claims = {"sub": "1", "email": email, "email_verified": verified}
    if not comes_in:
        with pytest.raises(NotAllowed, match="may not come in"):
            check_account(ACCESS, claims)
        return
    assert check_account(ACCESS, claims) == (email == "head@a.example")
    assert not check_account(Access(), claims)


def test_an_unverified_address_makes_no_administrator() -> None:
    access = replace(ACCESS, sign_in=("*",))
    claims = {"email": "head@a.example", "email_verified": False}
    assert not check_account(access, claims)
    assert check_account(access, claims | {"email_verified": True})


def test_words_that_are_too_short_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCORE_WORD", "abc")
    with pytest.raises(InvalidSettings, match="at least 6"):
        Access.from_environment()
    monkeypatch.setenv("ALCORE_WORD", "abcdef")
    monkeypatch.setenv("ALCORE_SIGN_IN", "@A.example, b@c.example")
    access = Access.from_environment()
    assert (access.word, access.sign_in) == ("abcdef", ("@a.example", "b@c.example"))


def test_a_pass_is_for_one_word_and_one_name(workspace: Workspace) -> None:
    office = TicketOffice.of(workspace)
    one = office.give_pass("sesame", "Ana")
    assert office.has_pass(one, "sesame", "Ana")
    for word, name in (("sesame", "Ben"), ("sesame", ""), ("other", "Ana")):
        assert not office.has_pass(one, word, name)
    assert not office.has_pass("x.y.z", "sesame", "Ana")


def test_who_comes_in_by_another_door_than_before_gets_a_new_ticket(workspace: Workspace) -> None:
    before = Access(word="open sesame")
    ticket = TicketOffice.of(workspace, before.door).issue(1, 2)
    assert TicketOffice.of(workspace, replace(before, owners_word="other1").door).read(ticket)
    for now in (Access(word="shut sesame"), Access(sign_in=("@a.example",)), Access()):
        with pytest.raises(InvalidTicket):
            TicketOffice.of(workspace, now.door).read(ticket)


# -- pages that others can reach ---------------------------------------------------------------


@pytest.fixture
def beyond(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that pages open in this process, where others can reach the app."""
    monkeypatch.setenv("ALCORE_WORD", "open sesame")
    with web_store(workspace.root) as opened:
        state.let_reach(True)
        yield opened
        state.let_reach(False)


@pytest.fixture
def page(beyond: Store) -> Callable[..., AppTest]:
    def opened(name: str, who: str = "", said: bool = True, owner: bool = False) -> AppTest:
        test = AppTest.from_file(APP, default_timeout=120)
        if who:
            test.session_state["annotator"] = who
        if said:
            test.session_state["alcore_word"] = state.tickets().give_pass("open sesame")
        if owner:
            test.session_state["alcore_owner"] = state.tickets().give_pass(state.owners_word(), who)
        return test.run().switch_page(f"pages/{name}.py").run()

    return opened


def labels_of_fields(test: AppTest) -> list[str]:
    assert not test.exception
    return [field.label for field in test.text_input]


def test_a_visitor_is_asked_for_a_name_and_the_word(
    beyond: Store, page: Callable[..., AppTest]
) -> None:
    small_project(beyond, 5, name="pictures")
    test = page("team", said=False)
    assert labels_of_fields(test) == ["Your name", "The word"]
    assert "pictures" not in str(test)
    name, word = test.text_input
    name.input("Ben")
    word.input("open barley")
    test.button[0].click().run()
    assert "That is not the word" in test.error[0].value
    test.text_input[1].input("open sesame")
    test.button[0].click().run()
    assert not test.error and "pictures" in str(test)


def test_the_name_of_an_owner_needs_the_owners_word(
    beyond: Store, page: Callable[..., AppTest]
) -> None:
    made = small_project(beyond, 5)
    ana = people.annotator(beyond, "Ana").id
    people.set_role(beyond, made, None, ana, "owner")
    test = page("team", "Ana")
    assert "say the owners' word" in test.error[0].value.replace("\\", "")
    assert labels_of_fields(test) == ["Your name", "The owners' word"]
    test.text_input[1].input("a guess").run()
    assert any("not the owners' word" in error.value for error in test.error)
    test.text_input[1].input(state.owners_word()).run()
    assert not test.error
    assert any(b.label == "Make owner" or b.label == "Make annotator" for b in test.button)


def test_nobody_owns_what_has_no_owner_where_others_can_reach_the_app(
    beyond: Store, page: Callable[..., AppTest]
) -> None:
    made = small_project(beyond, 5)
    test = page("team", "Ben")
    assert not test.error and not [b for b in test.button if b.label == "Make me its owner"]
    for name in ("setup", "experiments"):
        assert "Only owners" in page(name, "Ben").error[0].value
    ben = people.annotator(beyond, "Ben").id
    with pytest.raises(NotAllowed):
        people.set_role(beyond, made, ben, ben, "owner")
    people.make_administrator(beyond, ben)
    for right in rights.RIGHTS:
        rights.check(beyond, right, ben, made)


def test_pages_offer_no_folder_of_the_server_to_who_is_elsewhere(
    beyond: Store, page: Callable[..., AppTest]
) -> None:
    ben = people.annotator(beyond, "Ben")
    people.make_administrator(beyond, ben.id)
    test = page("setup", "Ben", owner=True)
    assert not test.error
    kinds = next(radio for radio in test.radio if radio.label == "Where the images are").options
    ready = ["Handwritten digits (built in)", "Ready to go", "Generated shapes"]
    assert kinds == [*ready, "A zip archive"]


# -- folders of the server ---------------------------------------------------------------------


def test_only_what_lies_below_a_listed_folder_can_be_named(tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    (listed / "birds").mkdir(parents=True)
    (tmp_path / "hidden").mkdir()
    (listed / "link").symlink_to(tmp_path / "hidden")
    these = Folders((listed.resolve(),))
    for path in (listed, listed / "birds", listed / "missing", listed / "birds/../birds"):
        these.check(str(path))
    says = set()
    for path in (
        tmp_path,
        tmp_path / "hidden",
        tmp_path / "missing",
        tmp_path / "listed-too",
        listed / "link",
        listed / "../hidden",
        "~nobody-of-this-name/x",
        "a\0b",
    ):
        with pytest.raises(NotAllowed) as refused:
            these.check(str(path))
        says.add(str(refused.value))
    assert len(says) == 1, "whether something is there must not be told"
    Folders().check(str(tmp_path / "hidden"))


def test_a_look_at_a_place_that_may_not_be_named_says_the_same_of_all(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    says = set()
    for spec in (
        {"kind": "folder", "path": str(tmp_path / "there")},
        {"kind": "folder", "path": str(tmp_path / "missing")},
        {"kind": "archive", "path": "/etc/passwd"},
        {"kind": "archive", "path": f"{workspace.uploads}/../alcore.db"},
        {"kind": "torchvision", "name": "MNIST", "root": str(tmp_path)},
    ):
        with pytest.raises(NotAllowed) as refused:
            setup.look_at(spec, Folders(()), workspace)
        says.add(str(refused.value))
    assert len(says) == 1
    assert setup.look_at({"kind": "digits"}, Folders(()), workspace).summary.total == 1797
    upload = {"kind": "archive", "path": str(workspace.uploads / "0f.zip")}
    with pytest.raises(ImportRefused, match="does not exist"):
        setup.look_at(upload, Folders(()), workspace)


def test_moved_originals_and_weights_lie_where_may_be_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    tab = Tab(Store.open(workspace), small_project(Store.open(workspace), 5))
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NotAllowed, match="ALCORE_FOLDERS"):
            originals.move(
                tab.store, tab.project_id, str(path), tab.annotator.id, folders=Folders(())
            )
    rule = LearnerRule(weights="file", weights_file="/etc/passwd")
    with pytest.raises(NotAllowed):
        folders.check_settings(Folders(()), replace(BY_HAND, learner=rule))
    folders.check_settings(Folders(()), BY_HAND)
    assert projects.get(tab.store, tab.project_id).state == "ready"
