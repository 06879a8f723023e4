"""What each key of the labeling board does, on the running app."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route, expect
from sqlalchemy import text

from alcore.config import ProjectSettings, RetrainRule
from alcore.records import Project
from alcore.services import comments, keys, people, projects

from .conftest import Board, OpenBoard, Server, expect_soon

pytestmark = pytest.mark.browser

BY_HAND = replace(ProjectSettings(), retrain=RetrainRule(automatic=False))
FRUITS = ["apple", "banana", "cherry", "blueberry", "umbrella"]
MANY = [f"kind {chr(97 + i)}" for i in range(25)]


@pytest.fixture(scope="module")
def digits(server: Server) -> Project:
    return projects.named(server.store(), "digits")


@pytest.fixture(scope="module")
def fruits(server: Server) -> Project:
    return server.project("fruits", FRUITS)


@pytest.fixture(scope="module")
def many(server: Server) -> Project:
    return server.project("many", MANY)


def answers(server: Server, project: Project, name: str) -> list[tuple[int, str]]:
    names = {c.id: c.name for c in project.classes}
    return [
        (e.item_id, names[e.class_id] if e.class_id else e.kind)
        for e in server.events(project, name)
    ]


def test_a_digit_means_the_class_of_that_name(
    server: Server, digits: Project, open_board: OpenBoard
) -> None:
    board = open_board(digits, "digits")
    given = [(board.press(key), key) for key in ("7", "0", "1")]
    board.expect_saved(3)
    assert answers(server, digits, "digits") == given
    assert len({item for item, _ in given}) == 3


def test_digits_number_pad_and_unique_first_letters_label(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "letters")
    given = [(board.press("2"), "banana"), (board.press("c"), "cherry")]
    given.append((board.item(), "apple"))
    pad = {"key": "1", "code": "Numpad1", "text": "1", "location": 3, "isKeypad": True}
    board.dispatch(type="keyDown", **pad)
    board.dispatch(type="keyUp", **pad)
    board.expect_saved(3)
    for key in ("b", "9", "Shift+A", "Alt+1", "Control+1", "Shift+Digit1", "x"):
        board.page.keyboard.press(key)
        board.expect_no_effect()
    assert answers(server, fruits, "letters") == given


def test_shift_and_a_digit_mean_classes_11_to_20(
    server: Server, many: Project, open_board: OpenBoard
) -> None:
    board = open_board(many, "shift")
    keys = (("Shift+Digit1", MANY[10]), ("Shift+Digit0", MANY[19]), ("Digit0", MANY[9]))
    given = [(board.press(key), name) for key, name in keys]
    board.expect_saved(3)
    assert answers(server, many, "shift") == given


def test_f_finds_a_class_by_name(server: Server, many: Project, open_board: OpenBoard) -> None:
    board = open_board(many, "find")
    item = board.press("f")
    expect(board.part("query")).to_be_focused()
    board.page.keyboard.type("kind y")
    board.page.keyboard.press("Enter")
    board.expect_saved(1)
    board.press("f")
    board.page.keyboard.press("Escape")
    expect(board.part("search")).to_be_hidden()
    assert answers(server, many, "find") == [(item, "kind y")]


def test_undo_goes_ten_answers_back(server: Server, fruits: Project, open_board: OpenBoard) -> None:
    board = open_board(fruits, "undo")
    given = [board.press("1") for _ in range(11)]
    board.expect_saved(11)
    for turn, item in enumerate(reversed(given[1:])):
        board.page.keyboard.press("Backspace" if turn % 2 else "Control+z")
        board.expect_item(item)
    board.expect_pending(0)
    assert answers(server, fruits, "undo") == [(given[0], "apple")]
    again = [board.press("2") for _ in range(10)]
    assert again == given[1:]
    board.expect_saved(21)
    assert answers(server, fruits, "undo")[1:] == [(item, "banana") for item in again]


def test_a_history_that_comes_late_brings_nothing_back_that_was_undone(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "late")
    items = [board.press("1") for _ in range(4)]
    board.expect_saved(4)
    board.expect_pending(0)
    late: list[tuple[Route, bytes]] = []

    def hold(route: Route) -> None:
        """Let the server answer the first one at once, and its answer wait."""
        if late:
            route.continue_()
        else:
            late.append((route, route.fetch().body()))

    board.page.route("**/history?*", hold)
    board.page.keyboard.press("Backspace")
    board.expect_item(items[3])
    deadline = time.monotonic() + 60
    while not late and time.monotonic() < deadline:
        board.page.wait_for_timeout(50)
    board.page.keyboard.press("Backspace")
    board.expect_item(items[2])
    board.expect_pending(0)
    ((route, body),) = late
    with board.page.expect_response("**/history?*"):
        route.fulfill(body=body, content_type="application/json")
    board.page.keyboard.press("Backspace")
    board.expect_item(items[1])
    board.page.keyboard.press("Backspace")
    board.expect_item(items[0])
    board.expect_pending(0)
    assert answers(server, fruits, "late") == []


def test_space_skips_and_u_is_unsure(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "skip")
    given = [(board.press("Space"), "skip"), (board.press("u"), "unsure")]
    board.expect_saved(2)
    assert answers(server, fruits, "skip") == given


def test_arrows_go_back_to_an_answer_and_a_class_changes_it(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "back")
    first, second = board.press("1"), board.press("1")
    board.expect_saved(2)
    ahead = board.item()
    board.page.keyboard.press("ArrowLeft")
    board.expect_item(second)
    board.page.keyboard.press("ArrowLeft")
    board.expect_item(first)
    board.page.keyboard.press("ArrowRight")
    board.expect_item(second)
    board.page.keyboard.press("Escape")
    board.expect_item(ahead)
    board.root.locator(".strip button").first.click()
    board.expect_item(first)
    current = board.root.locator(".class[data-current]")
    expect(current).to_have_text(re.compile("apple"))
    with board.page.expect_response("**/answer"):
        board.page.keyboard.press("3")
    board.expect_item(ahead)
    history = answers(server, fruits, "back")
    assert history[0] == (first, "apple"), "the old answer stays in the log"
    assert history[-1] == (first, "cherry")


def test_w_says_why_and_z_zooms_and_h_helps(fruits: Project, open_board: OpenBoard) -> None:
    board = open_board(fruits, "look")
    expect(board.root.locator(".picture")).to_have_css("image-rendering", "auto")
    board.press("w")
    expect(board.button("why")).to_have_attribute("aria-pressed", "true")
    expect(board.part("note")).to_contain_text(re.compile("First batch|at random"))
    board.press("z")
    expect(board.part("canvas")).to_have_attribute("style", re.compile(r"scale\(2\)"))
    board.page.keyboard.press("Escape")
    expect(board.button("zoom")).to_have_attribute("aria-pressed", "false")
    board.part("stage").hover()
    board.page.mouse.wheel(0, -300)
    expect(board.button("zoom")).to_have_attribute("aria-pressed", "true")
    board.press("h")
    expect(board.part("help")).to_be_visible()
    board.page.keyboard.press("1")
    board.page.keyboard.press("Escape")
    expect(board.part("help")).to_be_hidden()
    board.expect_no_effect()
    board.page.keyboard.press("Enter")  # no suggestion is shown: nothing to accept
    board.expect_no_effect()
    board.expect_saved(0)


def test_shift_u_is_unsure_with_a_note_and_shift_c_comments(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "words")
    item = board.press("Shift+C")
    expect(board.part("remark")).to_be_focused()
    board.page.keyboard.type("1 stem, no leaf")
    board.page.keyboard.press("Enter")
    board.expect_pending(0)
    expect(board.part("tick")).to_have_attribute("data-state", "done")
    expect(board.part("tick")).to_have_text("✓")
    board.expect_item(item)
    board.press("Shift+U")
    board.page.keyboard.type("blurred")
    board.page.keyboard.press("Escape")
    board.expect_item(item)
    board.press("Shift+U")
    board.page.keyboard.type("cut off")
    board.page.keyboard.press("Enter")
    board.expect_saved(1)
    assert answers(server, fruits, "words") == [(item, "unsure")]
    store = server.store()
    with store.read() as connection:
        written = connection.execute(
            text(
                "SELECT note FROM label_event JOIN annotator ON annotator.id = annotator_id "
                "WHERE item_id = :id AND annotator.name = 'words'"
            ),
            {"id": item},
        ).scalars()
        assert list(written) == ["cut off"]
    assert [c.text for c in comments.of_item(store, fruits.id, item)] == ["1 stem, no leaf"]
    # Words that were begun go with the image that they are about.
    item = board.press("Shift+C")
    board.page.keyboard.type("half a pear")
    board.root.locator(".class").first.click()
    board.expect_saved(2)
    board.expect_pending(0)
    assert [c.text for c in comments.of_item(store, fruits.id, item)] == ["half a pear"]


def test_a_project_without_classes_gets_them_by_typing(
    server: Server, open_board: OpenBoard
) -> None:
    project = server.project("nameless", [])
    board = open_board(project, "namer")
    expect(board.part("classes")).to_contain_text("This project has no classes yet. Type the first")
    field = board.part("newname")
    field.fill("crack")
    field.press("Enter")
    expect(board.root.locator(".class")).to_have_count(1)
    expect(field).to_be_focused()
    board.page.keyboard.type("sound")
    board.page.keyboard.press("Enter")
    expect(board.root.locator(".class")).to_have_count(2)
    board.page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    item = board.press("s")
    board.expect_saved(1)
    assert answers(server, projects.get(server.store(), project.id), "namer") == [(item, "sound")]
    # One that turns up later; a name that is there is refused with its reason.
    board.button("class").click()
    board.page.keyboard.type("sound")
    board.page.keyboard.press("Enter")
    expect(board.part("toast")).to_contain_text("sound")
    expect(board.root.locator(".class")).to_have_count(2)


def test_who_may_not_add_classes_is_told_who_does(server: Server, open_board: OpenBoard) -> None:
    project = server.project("owned", [])
    owner = people.annotator(server.store(), "head").id
    people.set_role(server.store(), project.id, owner, owner, "owner")
    board = open_board(project, "hand")
    expect(board.part("classes")).to_contain_text("no classes yet. Its owner adds them")
    expect(board.part("newname")).to_be_hidden()
    expect(board.button("class")).to_be_hidden()


def test_a_skip_is_not_counted_as_a_saved_label(fruits: Project, open_board: OpenBoard) -> None:
    board = open_board(fruits, "skips")
    board.press("1")
    board.press("2")
    board.press("Space")
    board.press("u")
    board.expect_saved(4)
    expect(board.part("saved")).to_have_text("2 labels saved")
    board.page.keyboard.press("Backspace")
    board.page.keyboard.press("Backspace")
    board.page.keyboard.press("Backspace")
    expect(board.part("saved")).to_have_text("1 label saved")


def test_images_are_smooth_until_a_key_shows_their_pixels_on_all_pages(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "pixels")
    picture = board.root.locator(".picture")
    thumbnail = board.root.locator(".strip img").first
    board.press("1")
    expect(thumbnail).to_have_css("image-rendering", "auto")
    board.press("Shift+P")
    for image in (picture, thumbnail):
        expect(image).to_have_css("image-rendering", "pixelated")
    board.page.goto(f"{server.url}/review?project={fruits.id}&annotator=pixels")
    detail = board.page.locator(".detail [data-part=picture]")
    expect(detail).to_have_css("image-rendering", "pixelated")
    detail.click()
    expect(detail).to_have_css("image-rendering", "auto")


def test_a_zoom_shows_the_pixels_of_the_original(
    server: Server, open_board: OpenBoard, tmp_path: Path
) -> None:
    stripes = np.zeros((900, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    for i in range(3):
        stripes[i, 0] = 99
        Image.fromarray(stripes).save(tmp_path / f"{i}.png")
    store = server.store()
    spec = {"kind": "folder", "path": str(tmp_path)}
    made = projects.create(store, "large", spec, "none", BY_HAND, ["a", "b"])
    assert projects.import_now(store, made, 1)
    board = open_board(projects.get(store, made), "zoomer")
    picture = board.root.locator(".picture")
    expect(picture).to_have_js_property("naturalWidth", 1024)
    with board.page.expect_response(re.compile("whole=1")) as whole:
        board.press("z")
    assert whole.value.headers["content-type"] == "image/png"
    expect(picture).to_have_js_property("naturalWidth", 1600)
    shades = """image => {
      const canvas = new OffscreenCanvas(1600, 900).getContext("2d");
      canvas.drawImage(image, 0, 0);
      return [...canvas.getImageData(800, 450, 2, 1).data].filter((_, i) => i % 4 === 0);
    }"""
    expect_soon(lambda: picture.evaluate(shades), [255, 0])
    # The next image starts with its copy again.
    board.press("1")
    expect(picture).to_have_js_property("naturalWidth", 1024)


def test_shift_b_sets_brightness_and_keys_go_on_labeling(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "light")
    board.press("Shift+B")
    expect(board.part("brightness")).to_be_focused()
    board.page.keyboard.press("ArrowRight")
    expect(board.part("canvas")).to_have_attribute("style", re.compile(r"brightness\(1\.05\)"))
    item = board.press("2")
    board.expect_saved(1)
    board.page.keyboard.press("Escape")
    expect(board.part("light")).to_be_hidden()
    assert answers(server, fruits, "light") == [(item, "banana")]


def test_own_keys_of_a_project_work_and_are_printed(server: Server, open_board: OpenBoard) -> None:
    project = server.project("own keys", FRUITS)
    board = open_board(project, "owner")
    for target, key in ((f"class {project.classes[1].id}", "q"), ("skip", "Shift+s")):
        keys.set_key(server.store(), projects.get(server.store(), project.id), target, key)
    # A board that is open learns of them.
    banana = board.root.locator(".class").nth(1)
    expect(banana.locator("kbd")).to_have_text("Q")
    expect(board.button("skip").locator("kbd")).to_have_text("⇧S")
    expect(banana).to_have_attribute("aria-keyshortcuts", "q")
    for key in ("2", "Space"):
        board.page.keyboard.press(key)
        board.expect_no_effect()
    given = [(board.press("q"), "banana"), (board.press("Shift+S"), "skip")]
    board.expect_saved(2)
    assert answers(server, project, "owner") == given
    board.press("h")
    expect(board.part("keys").locator("span", has_text="banana")).to_have_text("Q banana")
    expect(board.part("keys").locator("tr", has_text="skip")).to_contain_text("⇧S")


def test_two_hundred_classes_stay_where_they_are(server: Server, open_board: OpenBoard) -> None:
    project = server.project("crowd", [f"kind {i:03}" for i in range(200)])
    board = open_board(project, "crowd")
    expect(board.root.locator(".class")).to_have_count(200)
    places = """() => {
      const host = [...document.querySelectorAll('*')].find((n) => n.shadowRoot
        ?.querySelector('.board'));
      return [...host.shadowRoot.querySelectorAll('.class, .stage, .actions button')]
        .map((n) => [n.getBoundingClientRect().x, n.getBoundingClientRect().y]);
    }"""
    before = board.page.evaluate(places)
    given = [(board.press("3"), "kind 002"), (board.press("Shift+Digit5"), "kind 014")]
    given.append((board.press("f"), "kind 187"))
    board.page.keyboard.type("187")
    board.page.keyboard.press("Enter")
    board.expect_saved(3)
    assert answers(server, project, "crowd") == given
    given.append((board.item(), "kind 199"))
    board.root.locator(".class").last.click()
    board.expect_saved(4)
    board.root.locator(".class").first.scroll_into_view_if_needed()
    assert answers(server, project, "crowd") == given
    expect_soon(lambda: board.page.evaluate(places), before)


def test_a_held_key_counts_once(server: Server, fruits: Project, open_board: OpenBoard) -> None:
    board = open_board(fruits, "held")
    item = board.item()
    for _ in range(8):
        board.page.keyboard.down("1")
        board.page.wait_for_timeout(40)
    board.page.keyboard.up("1")
    board.expect_saved(1)
    assert answers(server, fruits, "held") == [(item, "apple")]


def test_keys_are_off_in_a_text_field(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "typing")
    board.part("name").click()
    board.page.keyboard.type("u1 ")
    board.expect_no_effect()
    board.page.keyboard.press("Escape")
    board.expect_no_effect()
    board.press("1")
    board.expect_saved(1)


def test_a_double_click_labels_one_image(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "clicks")
    item = board.item()
    board.root.locator(".class").nth(1).dblclick(delay=20)
    board.expect_saved(1)
    second = board.rest()
    board.root.locator(".class").nth(1).click()
    board.expect_saved(2)
    assert answers(server, fruits, "clicks") == [(item, "banana"), (second, "banana")]


def test_m_shows_what_the_model_suggests_and_enter_accepts_it(
    server: Server, digits: Project, open_board: OpenBoard
) -> None:
    board: Board = open_board(digits, "suggested")
    for i in range(20):
        board.press(str(i % 10))
    board.expect_saved(20)
    expect(board.root).not_to_have_attribute("data-model", "", timeout=240_000)
    # The two images at hand stay when a new ranking comes.
    for _ in range(2):
        board.press("5")
    board.expect_saved(22)
    board.press("m")
    share = board.root.locator(".share", has_text="%").first
    expect(share).to_be_visible()
    expect(board.part("note")).to_contain_text("Enter accepts")
    item = board.press("Enter")
    board.expect_saved(23)
    assert server.events(digits, "suggested")[-1].item_id == item
    board.press("m")
    expect(share).to_be_hidden()
