"""``python -m pipeline`` is the ``forensics`` command."""

from pipeline.cli import main

main()
