"""The only SQL. Every function takes an open transaction; none begins, commits or knows a rule."""
