"""Runs sql/, fits the rates, writes one verdict per gateway error."""
