"""axe-core on a page: what breaks WCAG 2.2 AA, as sentences.

It is put in by the debugger's protocol, which the page's Content-Security-Policy has no word in.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.plugin import leave_out

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT: Final = Path(__file__).parent / "node" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN: Final = """
async (rules) => {
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: rules } });
  const places = (nodes) => nodes.map((each) => each.html);
  return violations.map(({ id, help, nodes }) => ({ id, help, at: places(nodes) }));
}
"""


def violations(page: "Page") -> list[str]:
    """Every rule that the page breaks as it is now, and where; [] when it is well."""
    if not SCRIPT.exists():
        leave_out("axe-core is not there: make test installs it where there is npm")
    page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(RUN, RULES)
    return [f"{each['id']}: {each['help']}: {at}" for each in found for at in each["at"]]
