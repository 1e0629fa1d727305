"""Access-log objects to Parquet: list, fetch, parse, commit."""
