"""The site: `nox -s site` builds these pages and the API's, by Sphinx; every warning is an error.

The navigation lists the pages that are there. A page that no section names comes last, under More.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import dnn_xp

project = "dnn_xp"
author = "The dnn_xp developers"
version = release = dnn_xp.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["pictures"]
html_theme = "furo"
html_title = f"dnn_xp {version}"
# Nothing is fetched from elsewhere: the site works from a folder without a network.
html_theme_options = {"source_repository": "", "navigation_with_keys": True}
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]

myst_heading_anchors = 4
# `name` in docstrings and text is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# A link to what is not there is an error, in pages and in docstrings.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

SECTIONS = {
    "Start": ("tutorial", "from_sklearn", "examples", "comparison"),
    "Use": (
        *(
            "data",
            "defaults",
            "tabular",
            "ensembles",
            "accuracy",
            "sklearn",
            "plots",
            "sweep",
            "checkpoints",
        ),
        *("cluster", "onnx", "shell"),
    ),
    "Compute": ("devices", "gpu", "performance", "reproducibility", "numerics"),
    "Reference": ("mathematics", "api"),
    "Inside": ("architecture", "extending"),
}
# What users import; a module that is not there, or needs a package that is not, is left out.
MODULES = (
    "dnn_xp",
    "dnn_xp.sklearn",
    "dnn_xp.onnx",
    "dnn_xp.dask",
    "dnn_xp.plots",
    "dnn_xp.trackers",
    "dnn_xp.course",
    "dnn_xp.formulas",
)
# What comes first in a module.
FIRST = (
    "train",
    "plan",
    "gradient_check",
    "load",
    "Model",
    "History",
    "Evaluation",
    "Specification",
)
HERE = Path(__file__).parent


def sections() -> dict[str, list[str]]:
    """The pages of each section that are there; what no section names is under More."""
    there = {page.stem for page in HERE.glob("*.md")} - {"index"}
    named = {each for pages in SECTIONS.values() for each in pages}
    listed = {title: [each for each in pages if each in there] for title, pages in SECTIONS.items()}
    more = sorted(there - named)
    return listed | ({"More": more} if more else {})


def navigation() -> str:
    """A toctree for each section."""
    return "".join(
        f"\n```{{toctree}}\n:caption: {title}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"
        for title, pages in sections().items()
    )


def reference() -> str:
    """Autodoc directives for each module that can be imported, under a heading."""
    return "".join(f"\n## {name}\n\n```{{eval-rst}}\n{_described(name)}```\n" for name in _there())


def _there() -> list[str]:
    found = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            # The module itself or an optional package; a name that is missing within is an error.
            if error.name != name and str(error.name).startswith("dnn_xp"):
                raise
            continue
        found.append(name)
    return found


def _described(name: str) -> str:
    """A directive for the module and one for each public name, the first ones first."""
    module = importlib.import_module(name)
    # Tables of formulas and aliases of types have no docstring of their own.
    names = [each for each in module.__all__ if _has_docstring(getattr(module, each))]
    names = [
        *(each for each in FIRST if each in names),
        *(each for each in names if each not in FIRST),
    ]
    listed = "".join(_directive(name, each, getattr(module, each)) for each in names)
    return f".. automodule:: {name}\n\n{listed}"


def _has_docstring(found: object) -> bool:
    return inspect.isclass(found) or inspect.isroutine(found)


def _directive(module: str, name: str, found: object) -> str:
    if not isinstance(found, type):
        return f".. autofunction:: {module}.{name}\n\n"
    kind = "exception" if issubclass(found, Exception) else "class"
    return f".. auto{kind}:: {module}.{name}\n   :members:\n   :show-inheritance:\n\n"


def homepage() -> str:
    """The README with its links seen from docs/."""
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?!https?:|#)(docs/)?", lambda match: "](" if match[1] else "](../", text)


def linked(match: re.Match[str]) -> str:
    """A link out of docs/: to the home page, the page of examples, or a file to download."""
    path, anchor = match[1], match[2] or ""
    if path == "README.md":
        return f"](index.md{anchor})"
    if (HERE.parent / path).is_dir():
        return f"]({path.rstrip('/')}.md)"
    return f"](path:../{path})" if path.endswith(".md") else match[0]


def rewritten(app: Any, page: str, source: list[str]) -> None:
    """Fill in the navigation, the README and the API, and rewrite links that leave docs/."""
    if page == "index":
        source[0] = homepage() + navigation()
    if page == "api":
        source[0] += reference()
    # A link that shows the name of a page shows its title.
    source[0] = re.sub(r"\[(?:docs/)?(\w+\.md)\]\(\1", r"[](\1", source[0])
    source[0] = re.sub(r"\]\(\.\./([^)#]+)(#[^)]*)?\)", linked, source[0])


def escaped(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """|x| is an absolute value, not a substitution of reStructuredText."""
    literal: int | None = None
    for place, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        if literal is None and not line.lstrip().startswith((">>>", "...")):
            # What is between backticks stays as it is.
            lines[place] = re.sub(
                r"(``.*?(?:``|$)|`[^`]*(?:`|$))|\|", lambda match: match[1] or "\\|", line
            )
        if literal is None and line.rstrip().endswith("::"):
            literal = indent


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", rewritten)
    # After napoleon, which reads the sections of the docstring.
    app.connect("autodoc-process-docstring", escaped, priority=900)
