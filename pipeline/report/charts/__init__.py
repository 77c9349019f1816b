"""Charts as SVG inside the page: one file for each."""
