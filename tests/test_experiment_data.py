"""Owns the proof that trials get the images that were asked for: tails, copies, noise, holdout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from alcore.datasets.encoding import png
from alcore.errors import InvalidSettings
from alcore.experiments import data, trials
from alcore.experiments.data import DataSpec, Table
from alcore.experiments.trials import TrialData

DIGITS = DataSpec({"kind": "digits"})


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The digits, decoded once."""
    return data.load(data.prepare(DIGITS, tmp_path_factory.mktemp("tables")))


def made(table: Table, seed: int = 0, **changes: object) -> TrialData:
    return trials.of_trial(DataSpec({"kind": "digits"}, **changes), table, seed)


def test_digits_come_as_they_are(table: Table) -> None:
    assert table.pixels.shape == (1797, 8, 8, 3) and table.channels == 1
    assert table.class_names == tuple("0123456789") and not table.test.any()
    assert np.bincount(table.classes).min() >= 174


def test_holdout_and_pool_share_nothing_and_depend_on_the_seed_alone(table: Table) -> None:
    trial, again, other = made(table), made(table), made(table, 1)
    assert len(trial.holdout) == round(0.2 * 1797)
    assert not set(trial.holdout) & set(trial.pool)
    assert len(trial.holdout) + len(trial.pool) == 1797
    assert (trial.holdout == again.holdout).all() and (trial.pool == again.pool).all()
    assert (trial.holdout != other.holdout).any()
    assert len(made(table, holdout=100.0).holdout) == 100


def test_options_change_the_pool_and_leave_the_holdout(table: Table) -> None:
    changed = made(table, long_tail=10.0, duplicates=0.5, items=800)
    assert (changed.holdout == made(table).holdout).all()
    assert np.bincount(changed.truth[changed.holdout]).min() > 20


def test_a_long_tail_falls_evenly_to_the_share_asked_for(table: Table) -> None:
    trial = made(table, long_tail=20.0)
    sizes = np.bincount(trial.truth[trial.pool], minlength=10)
    assert sizes[0] / sizes[9] == pytest.approx(20, rel=0.2)
    assert (np.diff(sizes) <= 0).all() and sizes[0] > 100
    assert len(made(table, items=300).pool) == 300


def test_duplicates_are_close_to_an_original_and_keep_its_class(table: Table) -> None:
    trial = made(table, duplicates=0.6)
    plain = made(table)
    copies = trial.pool[trial.pool >= 1797]
    originals = trial.pool[trial.pool < 1797]
    assert len(trial.pool) == len(plain.pool)
    assert len(copies) / len(trial.pool) == pytest.approx(0.6, abs=0.01)
    assert len(trial.pixels) == len(trial.truth) == 1797 + len(copies)
    assert not set(trial.holdout) & set(trial.pool)
    here = trial.pixels[originals, :, :, 0].astype(float)
    side = here.shape[1]
    framed = np.pad(here, ((0, 0), (1, 1), (1, 1)), "edge")  # nothing comes in on the other side
    shifts = np.stack([framed[:, a : a + side, b : b + side] for a, b in np.ndindex(3, 3)])
    for copy in copies[:20]:
        gaps = np.abs(shifts - trial.pixels[copy, :, :, 0]).mean(axis=(2, 3))
        nearest = np.unravel_index(gaps.argmin(), gaps.shape)[1]
        assert gaps.min() < 8
        assert trial.truth[originals[nearest]] == trial.truth[copy]


def test_noise_is_as_large_as_said_and_grey_stays_grey(table: Table) -> None:
    plain = Table(
        np.full((500, 8, 8, 3), 128, np.uint8), table.classes[:500], np.zeros(500, bool),
        table.class_names, 1,
    )  # fmt: skip
    noisy = made(plain, noise=10.0).pixels
    assert noisy.std() == pytest.approx(10, rel=0.05)
    assert (noisy == noisy[..., :1]).all()
    assert (plain.pixels == 128).all()


def test_a_source_with_a_test_part_holds_that_out(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    drawn = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for part, n in (("train", 8), ("test", 4)):
            for name in ("cat", "dog"):
                for i in range(n):
                    image = drawn.integers(0, 256, (16, 16, 3)).astype(np.uint8)
                    archive.writestr(f"{part}/{name}/{i}.png", png(image))
    spec = DataSpec({"kind": "archive", "path": str(path)}, resolution=16)
    found = data.load(data.prepare(spec, tmp_path))
    assert found.pixels.shape == (24, 16, 16, 3) and found.channels == 3
    trial = trials.of_trial(spec, found, 5)
    assert found.test[trial.holdout].all() and len(trial.holdout) == 8
    assert len(trial.pool) == 16
    assert spec.title == "two"


def test_images_without_classes_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(png(np.zeros((8, 8), np.uint8)))
    spec = DataSpec({"kind": "folder", "path": str(folder), "copy": True}, resolution=8)
    with pytest.raises(InvalidSettings, match="has no answer key"):
        data.prepare(spec, tmp_path / "tables")
    assert not list((tmp_path / "tables").glob("*"))


def test_hard_images_are_those_that_a_forest_doubts(table: Table) -> None:
    trial = made(table, items=600)
    hard = trial.difficulty()
    assert hard.shape == (1797,) and (hard >= 0).all()
    assert trial.difficulty() is hard
    ones = hard[table.classes == 0].mean()
    assert ones < hard[table.classes == 8].mean(), "noughts are easier than eights"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"source": {"kind": "digit"}}, "did you mean 'digits'"),
        ({"source": {"kind": "project"}}, "needs the project's name"),
        ({"source": {"kind": "shapes", "sizes": 3}}, "unknown setting sizes"),
        ({"resolution": 17}, "choose from 8, 16"),
        ({"duplicates": 1.0}, "must be from 0 to 0.95"),
        ({"long_tail": 0.5}, "must be from 1"),
        ({"holdout": 0.0}, "must be from"),
        ({"noise": -1.0}, "must be from 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict, complaint: str) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        DataSpec(**{"source": {"kind": "digits"}, **changes})


def test_a_holdout_that_leaves_nothing_is_refused(table: Table) -> None:
    with pytest.raises(InvalidSettings, match="lower the holdout"):
        made(table, holdout=1796.0)
