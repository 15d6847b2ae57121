import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from flexcv.tracking.svg import MOST_POINTS, Curve, Panel, picture

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn):
    return [node.text for node in ET.fromstring(drawn).iter(f"{SVG}text")]


def curves(drawn):
    """Return the paths that are no axis, tick or rule."""
    paths = ET.fromstring(drawn).iter(f"{SVG}path")
    return [path for path in paths if path.get("stroke-width")]


def test_every_finite_point_is_drawn_and_no_other():
    points = Curve([1.0, 2.0, np.nan, 4.0], [1.0, np.inf, 3.0, 4.0])
    (path,) = curves(picture("title", [Panel("x", "y", (points,))]))
    assert path.get("d").count("M") == 2


def test_points_stand_where_their_numbers_say():
    points = Curve([0.0, 1.0, 3.0], [0.0, 2.0, 6.0])
    (path,) = curves(picture("title", [Panel("x", "y", (points,))]))

    pairs = re.findall(r"M(\S+) (\S+)h0", path.get("d"))
    x, y = np.array(pairs, dtype=float).T

    np.testing.assert_allclose((x[1] - x[0]) / (x[2] - x[0]), 1 / 3, atol=1e-3)
    np.testing.assert_allclose((y[1] - y[0]) / (y[2] - y[0]), 1 / 3, atol=1e-3)
    assert y[2] < y[0]


def test_ticks_stand_where_their_numbers_say():
    drawn = picture("title", [Panel("x", "y", (Curve([0.0, 4.0], [0.0, 1.0]),))])
    root = ET.fromstring(drawn)
    places = {node.text: float(node.get("x")) for node in root.iter(f"{SVG}text")}
    (path,) = curves(drawn)
    first, last = (float(x) for x, _ in re.findall(r"M(\S+) (\S+)h0", path.get("d")))
    assert places["4"] == pytest.approx(last, abs=0.06)
    assert (places["2"] - first) / (last - first) == pytest.approx(0.5, abs=1e-3)


def test_large_curves_are_thinned():
    many = np.arange(10.0 * MOST_POINTS + 7)
    (path,) = curves(picture("title", [Panel("x", "y", (Curve(many, many),))]))
    assert path.get("d").count("M") <= MOST_POINTS


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [0.0], [1e-300], [1e300]])
@pytest.mark.parametrize("rule", ["", "zero", "identity"])
def test_empty_and_constant_series_have_axes(values, rule):
    panel = Panel("x", "y", (Curve(values, values),), rule=rule)
    drawn = picture("title", [panel])
    assert {"title", "x", "y"} <= set(texts(drawn))
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_names_are_escaped_and_listed_once():
    curve = Curve([1, 2], [1, 2], "line", label="a<b & 'c'")
    panel = Panel("x", "y", (curve,))
    assert texts(picture("<title>", [panel, panel])).count("a<b & 'c'") == 1


def test_rows_are_named_from_the_top():
    panel = Panel("score", "", (Curve([1.0, 2.0], [0, 1]),), rows=("first", "second"))
    drawn = picture("title", [panel])
    root = ET.fromstring(drawn)
    places = {node.text: float(node.get("y")) for node in root.iter(f"{SVG}text")}
    assert places["first"] < places["second"]


def test_many_names_take_several_rows_below():
    named = tuple(Curve([1], [1], label=f"fold {number}") for number in range(30))
    few = picture("title", [Panel("x", "y", named[:2])])
    many = picture("title", [Panel("x", "y", named)])
    heights = [float(ET.fromstring(drawn).get("height")) for drawn in (few, many)]
    assert heights[0] < heights[1]
