"""The scheduler: due recurrences become orders. Nobody imports it."""
