"""One module per source, one `events` table; coverage, settings, lifetimes."""
