"""The world outside of Basketry, for tests: publishers, listeners, processes, servers.

Speaks AMQP with plain pika and SQL with plain psycopg, and signs its own tokens: no client of ours is used,
so that what is tested is what the wire says.
"""
