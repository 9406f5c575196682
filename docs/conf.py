"""Sphinx: `make docs` writes docs/_build/html."""

import django_ciba

project = "django_ciba"
author = "django_ciba contributors"
project_copyright = author
version = release = django_ciba.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
# What is printed is code as often as prose: its quotes stay as they are.
smartquotes = False
myst_enable_extensions = ["deflist", "html_image"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
