"""One pika connection each, without heartbeats: a test that computes for a while is no dead client."""

import pika
from pika.adapters.blocking_connection import BlockingConnection


def parameters(broker_url: str) -> pika.URLParameters:
    chosen = pika.URLParameters(broker_url)
    chosen.heartbeat = 0
    chosen.blocked_connection_timeout = 30
    return chosen


def connect(broker_url: str) -> BlockingConnection:
    return BlockingConnection(parameters(broker_url))
