"""Settings of Sphinx, which builds the manual.

`uv run --group docs sphinx-build -W -c docs . build/docs` builds it.
"""

from __future__ import annotations

project = "dbt-state-plugin"
author = "The dbt-state-plugin authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# The source folder is the whole repository, so that links between pages and to the README are the same here and on a
# code host; these files are pages.
include_patterns = ["docs/**", "*.md", "integration_project/README.md"]
exclude_patterns = [".*", "build"]
root_doc = "docs/index"
language = "en"
nitpicky = True
smartquotes = False  # two hyphens are an option, and quotes are to be copied

# Headings get the anchors that code hosts give them.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "dbt-state-plugin"
html_show_sphinx = False
html_copy_source = False
