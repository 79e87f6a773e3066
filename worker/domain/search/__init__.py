"""Searching data objects: Lucene's syntax in, a predicate over terms out."""
