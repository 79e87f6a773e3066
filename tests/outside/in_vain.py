"""Commands that cannot get through: what the client says of each when its time is over."""

from collections.abc import Callable

from contracts.broker.words import Unconfirmed
from contracts.client import NoAnswer, NotPublished

_PATIENCE = (1, 4, 16)


def why_not(attempt: Callable[[float], object], *, seconds: float) -> NotPublished:
    """Attempt it within so many seconds, and give what has hindered it.

    The deadline may come before a slow machine has said anything, or while the last of several tries still
    waits for its confirm. That is no reason: there is more time then.
    """
    for patience in _PATIENCE:
        try:
            attempt(seconds * patience)
        except NotPublished as error:
            told = error
        except NoAnswer as error:
            if not isinstance(error.__cause__, NotPublished):
                raise  # it got through, and nobody has answered
            told = error.__cause__
        else:
            raise AssertionError("it got through")
        if not isinstance(told.__cause__, Unconfirmed) and "did not answer in time" not in str(told):
            break
    return told
