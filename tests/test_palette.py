"""The colours of classes."""

from __future__ import annotations

import re

from alcore.web.palette import OKABE_ITO, class_colours


def test_a_colour_stays_when_classes_are_added() -> None:
    assert class_colours(3) == list(OKABE_ITO[:3])
    assert class_colours(100)[:12] == class_colours(12)
    assert class_colours(0) == []


def test_colours_are_valid_and_hardly_ever_repeat() -> None:
    many = class_colours(1000)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in many)
    assert len(set(class_colours(100))) == 100
    assert len(set(many)) > 950
