"""Owns the tests of the set-up page as a person uses it, with the real jobs behind it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from alcore.services import projects, setup
from tests.browser.conftest import Server, at_rest, choose_tab, expect_soon, paste

pytestmark = pytest.mark.browser

NASTY = ':material/delete: <b>b</b> **s** [l](http://e.example) www.e.example :smile: $x^2$ "q"'
IMPORT = 60_000
"""Milliseconds that a small import may take on a busy machine."""


@pytest.fixture
def page(server: Server, context: BrowserContext) -> Page:
    tab = context.new_page()
    tab.goto(f"{server.url}/setup?project=new")
    expect(tab.get_by_role("button", name="Create", exact=True)).to_be_enabled(timeout=180_000)
    return tab


def photographs(folder: Path, classes: list[str]) -> Path:
    """Make photographs of mixed sizes and modes, one of them broken."""
    rng = np.random.default_rng(3)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i, mode in enumerate(["RGB", "L", "P", "RGB", "CMYK", "L"]):
            width, height = rng.integers(60, 400, 2).tolist()
            pixels = rng.integers(0, 256, (height // 9, width // 9, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((width, height)).convert(mode)
            image.save(folder / name / f"{i}.{'png' if mode == 'P' else 'jpg'}")
    (folder / classes[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    return folder


def choose(page: Page, kind: str) -> None:
    page.get_by_text(kind, exact=True).click()


def type_in(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")


def create(page: Page) -> None:
    page.get_by_role("button", name="Create", exact=True).click()


def expect_imported(page: Page) -> int:
    """Wait for the end of the import; return the project's id from the address."""
    expect(page.get_by_role("link", name="Label these images")).to_be_visible(timeout=IMPORT)
    expect(page).to_have_url(re.compile(r"project=\d+"))
    found = re.search(r"project=(\d+)", page.url)
    assert found
    return int(found[1])


def test_pictures_become_examples_of_a_class_and_can_be_taken_away(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = server.project("with examples", ["cat", "dog"])
    good, broken = tmp_path / "a cat.png", tmp_path / "broken.jpg"
    Image.new("RGB", (40, 30), (200, 120, 40)).save(good)
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    page = context.new_page()
    page.goto(f"{server.url}/setup?project={project.id}")
    choose_tab(page, "Examples")
    examples = page.get_by_role("tabpanel", name="Examples")
    field = examples.get_by_test_id("stFileUploaderDropzoneInput")
    field.set_input_files(good)
    picture = page.get_by_role("img", name="a cat.png")
    expect(picture).to_have_js_property("naturalWidth", 40)
    expect(field).to_have_count(1)  # the one before stays while the page is drawn
    field.set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("its image data cannot be decoded")
    examples.get_by_role("button", name="Remove", exact=True).click()
    expect(picture).to_have_count(0)


def test_a_first_visit_to_this_page_shows_the_menu_of_the_app(page: Page) -> None:
    for name in ("Label", "Dashboard", "Set-up"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="More", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="app", exact=True)).to_have_count(0)


def test_a_double_click_on_create_makes_one_project(server: Server, page: Page) -> None:
    before = len(projects.list_projects(server.store()))
    choose(page, "Generated shapes")
    type_in(page, "Images", "60")
    expect(page.locator(".su-figures")).to_contain_text("60images")
    name = page.get_by_role("textbox", name="Name of the project")
    expect(name).to_have_value(re.compile(r"^shapes"))
    at_rest(page)
    page.get_by_role("button", name="Create", exact=True).dblclick()
    made = expect_imported(page)
    found = projects.list_projects(server.store())
    assert len(found) == before + 1
    # Other modules on the same server may have made one of that name before.
    assert re.fullmatch(r"shapes( \d+)?", projects.get(server.store(), made).name)
    expect_soon(page.get_by_test_id("stAlert").all_inner_texts, [])


def test_photographs_of_mixed_sizes_come_in_and_the_broken_one_is_listed(
    server: Server, page: Page, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "birds", ["<b>owl</b>".replace("/", "\u2215"), "*heron*"])
    choose(page, "A folder on this computer")
    type_in(page, "Path of the folder", str(folder))
    expect(page.locator(".su-chips")).to_contain_text("*heron*")
    expect(page.locator(".su-pictures img")).not_to_have_count(0)
    create(page)
    made = expect_imported(page)
    report = setup.report(server.store(), made)
    assert report.images == 12
    assert [Path(f.name).name for f in report.left_out] == ["broken.jpg"]
    choose_tab(page, "Images")
    with page.expect_download() as download:
        page.get_by_test_id("stBaseButton-tertiary").filter(has_text="CSV").click()
    assert "broken.jpg" in Path(download.value.path()).read_text()


def test_names_that_are_markup_are_text_everywhere(server: Server, page: Page) -> None:
    choose(page, "Generated shapes")
    type_in(page, "Images", "30")
    page.get_by_text("Nothing", exact=True).click()
    type_in(page, "Classes", "<img src=x onerror=alert(1)>\n**two**")
    type_in(page, "Name of the project", NASTY)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    create(page)
    made = expect_imported(page)
    assert projects.get(server.store(), made).name == NASTY
    expect(page.locator(".su-title h2")).to_have_text(NASTY)
    expect(page.get_by_role("combobox", name="Project", exact=True)).to_have_value(NASTY)
    choose_tab(page, "Classes")
    expect(page.locator(".su-chips")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator(".su-chips img, .su-chips strong").count() == 0
    assert asked == []


def test_a_text_that_is_called_zip_is_refused_and_an_archive_is_taken(
    server: Server, page: Page, tmp_path: Path
) -> None:
    text, archive = tmp_path / "text.zip", tmp_path / "birds.zip"
    text.write_text("no archive")
    folder = photographs(tmp_path / "p", ["owl", "heron"])
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(folder.rglob("*.*")):
            out.write(file, file.relative_to(folder))
    choose(page, "A zip archive")
    page.locator("input[type=file]").set_input_files(text)
    expect(page.locator("[data-testid=stAlert]")).to_contain_text("text.zip is not a zip archive")
    page.get_by_role("button", name="Choose another").click()
    page.locator("input[type=file]").set_input_files(archive)
    expect(page.locator(".su-chips")).to_contain_text("heron")
    expect(page.get_by_label("Name of the project", exact=True)).to_have_value(re.compile("^birds"))
    create(page)
    assert setup.report(server.store(), expect_imported(page)).images == 12


@pytest.mark.slow
def test_cifar10_is_uploaded_stopped_and_resumed(
    server: Server, page: Page, cifar10_zip: Path
) -> None:
    choose(page, "A zip archive")
    page.locator("input[type=file]").set_input_files(cifar10_zip)
    expect(page.locator(".su-figures")).to_contain_text("60,000", timeout=120_000)
    create(page)
    expect(page.locator(".su-line").last).to_contain_text("images in", timeout=IMPORT)
    expect(page.locator(".su-line").last).to_contain_text(" left", timeout=IMPORT)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Resume").click(timeout=IMPORT)
    expect(page.get_by_role("link", name="Label these images")).to_be_visible(timeout=300_000)
    report = setup.report(server.store(), expect_imported(page))
    assert (report.images, report.holdout, report.left_out) == (60_000, 10_000, ())


def test_more_images_are_pasted_fetched_from_addresses_and_found_in_a_watched_folder(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = server.project("more to come", ["cat", "dog"], images=20)
    pictures = [tmp_path / f"{n}.png" for n in range(2)]
    for number, path in enumerate(pictures):
        Image.new("RGB", (40, 30), (200, 90 * number, 40)).save(path)
    page = context.new_page()
    page.goto(f"{server.url}/setup?project={project.id}")
    choose_tab(page, "Images")
    images = page.get_by_role("tabpanel", name="Images")
    images.get_by_text("More images", exact=True).click()
    expect(images.locator(".st-key-takes-paste-photographs input[type=file]")).to_have_count(1)
    paste(page, *pictures)
    expect(images.get_by_text("2 more images came in from photographs")).to_be_visible()
    images.get_by_text("Images from a list of addresses", exact=True).click()
    field = images.get_by_label("Addresses, one a line", exact=True)
    expect(field).to_be_visible()
    at_rest(page)
    field.fill("http://127.0.0.1:9/private.png\nno address")
    field.press("Tab")
    images.get_by_role("button", name="Fetch the images", exact=True).click()
    expect(images.get_by_text("'no address' is no address")).to_be_visible()
    expect(images.get_by_text("1 left out", exact=True)).to_be_visible()
    (left,) = projects.skipped_files(server.store(), project.id)
    assert "leads into a private network" in left.reason
    inbox = tmp_path / "camera"
    inbox.mkdir()
    Image.new("RGB", (40, 30), (20, 90, 240)).save(inbox / "1.png")
    at_rest(page)
    images.get_by_text("A watched folder", exact=True).click()
    type_in(page, "Path of the folder to watch", str(inbox))
    images.get_by_role("button", name="Watch it", exact=True).click()
    expect(images.get_by_text(re.compile("1 new file; 1 image came in"))).to_be_visible()
    images.get_by_role("button", name="Stop watching", exact=True).click()
    expect(page.get_by_label("Path of the folder to watch", exact=True)).to_have_value("")
    assert sum(projects.item_counts(server.store(), project.id).values()) == 23
