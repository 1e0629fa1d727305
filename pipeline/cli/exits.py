"""Exit codes that are no errors; those that are, errors carry."""

FINDINGS = 3
INCOMPLETE = 6
INTERRUPTED = 130
