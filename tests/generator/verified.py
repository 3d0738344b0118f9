"""What `verify --json` reports, checked against its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from aimodels_gen.reports.verify import Report
from aimodels_gen.schema import schema

if TYPE_CHECKING:
    from support.project import Project


def report(project: Project, *args: str) -> Any:
    """What `verify --json` prints; its exit status is 1 where all is not well."""
    done = project.run("verify", "--json", *args)
    found = json.loads(done.out)
    problems = Draft202012Validator(schema(Report.title, Report, {})).iter_errors(found)
    assert [problem.message for problem in problems] == []
    assert done.status == (0 if found["ok"] else 1)
    assert ("error: " in done.err) != found["ok"]
    assert found["ok"] == (not differences(found))
    return found


def differences(found: Any) -> list[tuple[str, str | None]]:
    """The kind of each difference, and the file that it is about."""
    return [
        (one["kind"], one.get("file"))
        for model in found["models"]
        for place in model["places"]
        for one in place["differences"]
    ]
