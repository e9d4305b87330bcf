"""The local page as HTML: templates filled with values, and pictures as inline SVG. Pure: it reads nothing and asks nobody."""

from trimtab.render.page.bars import Bar, bar_svg, stacked_svg
from trimtab.render.page.charts import demand_svg
from trimtab.render.page.diffs import DiffLine, diff_lines
from trimtab.render.page.html import Page, visible

__all__ = ["Bar", "DiffLine", "Page", "bar_svg", "demand_svg", "diff_lines", "stacked_svg", "visible"]
