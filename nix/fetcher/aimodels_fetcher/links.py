"""The `Link` header (RFC 8288): where a listing goes on."""

from __future__ import annotations

import re

# Nothing here is tried twice: what a server sends may be long.
_LINK = re.compile(r'<([^<>]*)>((?:[^,"<]|"(?:\\.|[^"\\])*")*)')
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*(?:=\s*("(?:\\.|[^"\\])*"|[^\s;"]*))?')


def next_page(header: str) -> str | None:
    """Return the first target whose relation is `next`, None where there is none.

    Names and relations are compared regardless of case; of several `rel` of a link the first one
    counts (RFC 8288, 3.3).

    Args:
        header: Its value; those of several headers are joined by commas.
    """
    for target, parameters in _LINK.findall(header):
        relations = next(
            (value for name, value in _PARAMETER.findall(parameters) if name.lower() == "rel"), ""
        )
        if "next" in relations.strip('"').lower().split():
            return str(target).strip() or "#"  # the page itself
    return None
