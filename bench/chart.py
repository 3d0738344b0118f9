"""The chart of the times, as deterministic SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.peer { fill: #8c959f }
.own { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .peer { fill: #6e7681 }
  .own { fill: #4493f8 }
}
"""
_LABEL, _BAR, _VALUE, _GAP = 210, 190, 70, 20  # widths in pixels
_LINE, _THICKNESS = 20, 13  # heights in pixels
# A bar more than this many times as long as the next is shortened, so that the others stay visible.
_OUTLIER = 3


class Bar(NamedTuple):
    """The bar of a client: seconds, their text, and whether the client is one of ours."""

    label: str
    value: float
    text: str
    own: bool


class Panel(NamedTuple):
    """Bars to compare, with a title."""

    title: str
    bars: Sequence[Bar]


def draw(panels: Sequence[Sequence[Panel]]) -> str:
    """Draw rows of panels; a bar that is cut short ends in dots."""
    widest = max(map(len, panels))
    width = widest * (_LABEL + _BAR + _VALUE) + (widest - 1) * _GAP
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
    ET.SubElement(svg, "title").text = "Seconds until a model is there; shorter is better"
    ET.SubElement(svg, "style").text = _STYLE
    y = 0
    for row in panels:
        for number, panel in enumerate(row):
            _draw_panel(svg, panel, number * (_LABEL + _BAR + _VALUE + _GAP), y)
        y += _LINE * (max(len(panel.bars) for panel in row) + 1) + _GAP
    svg.set("viewBox", f"{-_GAP} {-_GAP} {width + 2 * _GAP} {y + _GAP}")
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _draw_panel(svg: ET.Element, panel: Panel, x: int, y: int) -> None:
    _text(svg, panel.title, x, y, "title")
    full = _full(sorted(bar.value for bar in panel.bars))
    for number, bar in enumerate(panel.bars, 1):
        top = y + number * _LINE
        _text(svg, bar.label, x, top)
        length = max(1.0, _BAR * min(1.0, bar.value / full))
        place = {"x": str(x + _LABEL), "y": str(top + (_LINE - _THICKNESS) // 2)}
        extent = {"width": f"{length:.1f}", "height": str(_THICKNESS)}
        kind = {"class": "own" if bar.own else "peer"}
        ET.SubElement(svg, "rect", {**place, **extent, **kind})
        dots = "… " if bar.value > full else ""
        _text(svg, f"{dots}{bar.text}", x + _LABEL + length + 4, top)


def _full(values: list[float]) -> float:
    """Return the value whose bar has the full width."""
    while len(values) > 1 and values[-1] > _OUTLIER * values[-2]:
        values = values[:-1]
    return values[-1]


def _text(svg: ET.Element, text: str, x: float, y: int, kind: str = "") -> None:
    place = {"x": f"{x:g}", "y": str(y + _LINE - 6)}
    ET.SubElement(svg, "text", {**place, **({"class": kind} if kind else {})}).text = text
