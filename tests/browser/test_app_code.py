"""The picture by which an app is let in can be scanned as it is shown, not only as it was drawn."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow]

DRAWN = """
() => [...document.querySelectorAll(".qr svg path")].map((path) => {
  const { strokeWidth, strokeLinecap, fill, stroke } = getComputedStyle(path);
  return { strokeWidth, strokeLinecap, drawn: path.classList.contains("qrline"), fill, stroke };
})
"""


def test_the_lines_of_the_code_are_as_wide_as_its_modules(page: "Page") -> None:
    """What draws our icons, thick and round, would close the gaps that a scanner looks for."""
    page.goto("/ciba/apps/")
    page.get_by_role("button", name="Let an app in").click()
    page.locator(".qr svg").wait_for()
    ground, lines = page.evaluate(DRAWN)
    assert (ground["fill"], ground["stroke"]) == ("rgb(255, 255, 255)", "none")
    assert lines["drawn"]
    assert (lines["strokeWidth"], lines["strokeLinecap"]) == ("1px", "butt")
    box, view = page.evaluate(
        """() => {
          const svg = document.querySelector(".qr svg");
          const { width, height } = svg.getBoundingClientRect();
          return [[width, height], [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]];
        }"""
    )
    assert box[0] == box[1] > 200
    assert view[0] == view[1] > 20
