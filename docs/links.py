"""Check the links of a built site: `python docs/links.py SITE` names every link to what is not there."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take the links and the anchor of a tag."""
        for name, value in attributes:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name in ("id", "name") and value is not None:
                self.anchors.add(value)


def broken(site: Path) -> list[str]:
    """`page: link` of each link within the site that leads nowhere."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (target in pages and anchor not in pages[target].anchors):
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return found


def main() -> int:
    """Print what is broken; 1 if anything is, and if there are no pages."""
    site = Path(sys.argv[1])
    found = broken(site)
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages, no broken link")
    return int(bool(found) or not list(site.rglob("*.html")))


if __name__ == "__main__":
    raise SystemExit(main())
