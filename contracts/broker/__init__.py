"""Talking to a broker on behalf of other teams: what stands behind `contracts.client`.

`words` are plain values and errors, `pika_wire` is one connection and the only module that knows pika, `link`
heals it, `listening` hands events over. The rest of `contracts` is pure; this package and the client are not.
"""
