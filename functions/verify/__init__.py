"""The clock, or Palette called: applied, healthy, saved? and sweep."""
