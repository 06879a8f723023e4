"""Owns the promise of the log: one line per attempt, import and refusal, and nothing private."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from alcore import logs

ROOT = Path(__file__).parent.parent


def test_an_import_is_logged_with_fields_and_without_names(tmp_path: Path) -> None:
    for name in ("Secretia", "Privatia"):
        (tmp_path / "Confidential" / name).mkdir(parents=True)
        for n in range(4):
            picture = Image.new("RGB", (8, 8), (40 * n, len(name), 7 * ord(name[0]) % 256))
            picture.save(tmp_path / "Confidential" / name / f"person {n}.png")
    done = subprocess.run(
        [sys.executable, "-m", "alcore", "--log-level", "info", "--log-format", "json",
         "import", str(tmp_path / "Confidential")],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(tmp_path / "w"), "ALCORE_THREADS": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = [line for line in done.stderr.splitlines() if line.startswith("{")]
    lines = [json.loads(line) for line in text]
    assert [line["event"] for line in lines] == ["images imported", "job ended"]
    imported, ended = lines
    assert imported["pool"] + imported["holdout"] == 8 and imported["left_out"] == 0
    assert (ended["kind"], ended["job"], ended["attempt"], ended["end"]) == ("import", 1, 1, "done")
    assert ended["seconds"] > 0 and ended["time"].endswith("Z")
    for word in ("Confidential", "Secretia", "person", str(tmp_path)):
        assert word not in "".join(text)


def test_a_level_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCORE_LOG_LEVEL", "loud")
    with pytest.raises(Exception, match="'loud'; choose from debug, info, warning, error"):
        logs.configure("info")
