"""Owns the colours of classes: the same colour for a class on every page and chart.

The first eight come from Okabe and Ito (2008, "Color universal design"), with grey in place of
black, which would vanish on a dark page. Further ones are taken from OKLCH (Ottosson 2020), so
that equal steps look equal; a colour never changes when classes are added.
"""

from __future__ import annotations

import math

OKABE_ITO = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
# Neighbours differ in lightness too: it is what colour-blind people can rely on.
_LIGHTNESS = (0.50, 0.78, 0.64)
_CHROMA = 0.11
_GOLDEN_ANGLE = 137.50776
_FIRST_HUE = 320.0


def class_colours(n: int) -> list[str]:
    """Return the colours of n classes by position, as "#RRGGBB"; n >= 0."""
    further = range(max(0, n - len(OKABE_ITO)))
    return [*OKABE_ITO[:n], *(_further(i) for i in further)]


def _further(i: int) -> str:
    hue = math.radians((_FIRST_HUE + i * _GOLDEN_ANGLE) % 360)
    return _hex(_LIGHTNESS[i % len(_LIGHTNESS)], _CHROMA * math.cos(hue), _CHROMA * math.sin(hue))


def _hex(lightness: float, a: float, b: float) -> str:
    """Convert OKLab to sRGB, clipped to the gamut."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _gamma(min(1.0, max(0.0, v)))):02X}" for v in linear)


def _gamma(v: float) -> float:
    return 12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055
