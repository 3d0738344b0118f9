"""A plugin that keeps what was skipped and why, over all runs of pytest in one `script/test`.

Runs append to the file that AIMODELS_SKIPS names. `python -m support.skips FILE` prints the table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.environment import ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_VARIABLE = "AIMODELS_SKIPS"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Append the skips of this run to the file, one JSON array of test file and reason a line."""
    file = ORIGINAL.get(_VARIABLE)
    if file and not hasattr(config, "workerinput"):
        skipped = terminalreporter.stats.get("skipped", ())
        with Path(file).open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(_skip(report)) + "\n" for report in skipped)


def _skip(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str]:
    """Return the file of a test and the reason for which it was skipped."""
    assert isinstance(report.longrepr, tuple)
    _, _, reason = report.longrepr
    return report.nodeid.partition("::")[0], reason.removeprefix("Skipped: ")


def table(skips: Iterable[tuple[str, str]]) -> str:
    """Return the skips grouped by reason, the most frequent first."""
    by_reason: dict[str, list[str]] = {}
    for test_file, reason in skips:
        by_reason.setdefault(" ".join(reason.split()), []).append(test_file)
    if not by_reason:
        return "no test was skipped\n"
    total = sum(map(len, by_reason.values()))
    rows = [
        f"{len(files):5}  {reason}\n" + "".join(f"{'':7}{file}\n" for file in sorted(set(files)))
        for reason, files in sorted(by_reason.items(), key=lambda row: (-len(row[1]), row[0]))
    ]
    return f"tests  reason\n{''.join(rows)}{total:5}  in total\n"


def main(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    sys.stdout.write(table([tuple(json.loads(line)) for line in lines]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
