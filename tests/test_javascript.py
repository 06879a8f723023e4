"""Owns the proof of the browser's own code: its unit tests, its layers, how it becomes one script.

The Node that runs it comes with Playwright; the app itself needs none.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from alcore.web import modules

ROOT = Path(__file__).parent.parent
UNIT_TESTS = sorted((ROOT / "tests" / "javascript").glob("*.test.js"))
SOURCES = sorted(p.relative_to(modules.FOLDER).as_posix() for p in modules.FOLDER.rglob("*.js"))
LAYERS = {
    "shared": {"shared"},
    "grid": {"shared", "grid"},
    "why": {"shared", "why"},
    "board": {"shared", "grid", "why", "board"},
    "review": {"shared", "why", "review"},
    "playground": {"shared", "playground"},
    "map": {"shared", "map"},
    "network": {"shared", "network"},
    "teach": {"shared", "teach"},
    "page": {"shared", "page"},
    "room": {"shared", "grid", "why", "board", "room"},
    "projector": {"shared", "projector"},
}
"""What the modules of a folder may import from."""
ENTRIES = (
    "board/board.js",
    "review/review.js",
    "playground/playground.js",
    "map/map.js",
    "network/network.js",
    "teach/teach.js",
    "why/cell.js",
)


def node(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    program, _ = compute_driver_executable()
    quiet = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"
    return subprocess.run(
        [program, quiet, *arguments], capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_unit_tests_of_modules_pass(path: Path, tmp_path: Path) -> None:
    storage = f"--localstorage-file={tmp_path / 'storage'}"
    done = node("--test", "--test-force-exit", "--test-reporter=spec", storage, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout and "pass 0" not in done.stdout


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_imports_from_its_own_folder_and_from_what_is_shared(name: str) -> None:
    allowed = LAYERS[name.split("/")[0]]
    wrong = [n for n in modules.imports(modules.FOLDER, name) if n.split("/")[0] not in allowed]
    assert not wrong, f"{name} must not import {wrong}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_element_is_one_script_without_imports(entry: str, tmp_path: Path) -> None:
    script = tmp_path / "script.mjs"
    script.write_text(modules.joined(modules.FOLDER, entry), "utf-8")
    done = node(
        "--input-type=module",
        input=f"""
        import mount from {str(script)!r};
        console.log(typeof mount);
    """,
    )
    assert done.stdout == "function\n", done.stderr


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_module_is_used(entry: str) -> None:
    script = modules.joined(modules.FOLDER, entry)
    folder = entry.split("/")[0]
    missing = [n for n in SOURCES if n.startswith(f"{folder}/") and f"// {n}\n" not in script]
    assert not missing


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.js").write_text(source, "utf-8")
    return folder


def test_modules_that_use_the_same_names_are_joined_without_mixing_them(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        one="const LIMIT = 1;\nexport const limit = () => LIMIT;\n",
        two="const LIMIT = 2;\nexport function limit() {\n  return LIMIT;\n}\n",
        both=(
            'import { limit } from "./one.js";\nimport { limit as other } from "./two.js";\n\n'
            "export class Both {\n  sum = limit() + 10 * other();\n}\n"
        ),
        main=(
            'import { Both } from "./both.js";\nimport { limit } from "./one.js";\n\n'
            "export default () => [limit(), new Both().sum];\n"
        ),
    )
    script = tmp_path / "script.mjs"
    script.write_text(modules.joined(folder, "main.js"), "utf-8")
    done = node("--input-type=module", input=f"import f from {str(script)!r}; console.log(f());")
    assert done.stdout == "[ 1, 21 ]\n", done.stderr


@pytest.mark.parametrize(
    "line",
    [
        'import * as all from "./other.js";',
        'import other from "./other.js";',
        'import { a } from "library";',
        "export let changing = 1;",
        "export { a };",
    ],
)
def test_a_form_that_is_not_read_is_named(tmp_path: Path, line: str) -> None:
    folder = write(tmp_path, main=f"{line}\nexport default () => 1;\n", other="")
    with pytest.raises(ValueError, match=r"main\.js: .* is written in a form that is not read"):
        modules.joined(folder, "main.js")


def test_modules_that_import_in_a_circle_are_named(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        main='import { a } from "./a.js";\nexport default a;\n',
        a='import { b } from "./b.js";\nexport const a = b;\n',
        b='import { a } from "./a.js";\nexport const b = a;\n',
    )
    with pytest.raises(ValueError, match=r"main\.js -> a\.js -> b\.js -> a\.js"):
        modules.joined(folder, "main.js")
