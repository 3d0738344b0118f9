"""The exit statuses of the program, and what they mean."""

from __future__ import annotations

DONE, FAILED, USAGE, TO_DO, INTERRUPTED = 0, 1, 2, 3, 130

MEANINGS = {
    DONE: "Success.",
    FAILED: "A failure: a line `error: ...` on stderr says what went wrong, a line `hint: ...` "
    "what to do.",
    USAGE: "Wrong usage.",
    TO_DO: "There is something to do. Only with options that ask for it, such as --check and "
    "--exit-code.",
    INTERRUPTED: "Interrupted.",
}
