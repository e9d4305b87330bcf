"""What can go wrong, sorted by what the caller should do about it.

    TrimtabError
    ├── BadInput     a person or a file gave us something we cannot use: drop it, say where, exit 2 / HTTP 400
    │   ├── TooLarge     the same, HTTP 413
    │   └── Forged       the sender is not who it claims, or the message is stale: HTTP 401
    ├── Refused      the answer is no, and the reason is the message: exit 1
    │   ├── Broken       the record contradicts itself (a hash, a chain, a sum): exit 1, a person must look
    │   └── Gone         it was there once and is no longer kept: exit 1, begin anew from what there is now
    └── Upstream     somebody else's service failed or answered nonsense: exit 3, the queue delivers again
        ├── Overloaded   it works, but not on so much at once: ask for less, else as Upstream
        └── NotYet       it works on the answer (mergeability, a rebase): the same question later may be answered

Messages are one line: they name the file, row or key, and what to do.
"""


class TrimtabError(Exception):
    """Root of everything this package raises on purpose."""

    exit_code = 3


class BadInput(TrimtabError):
    """Input that no retry makes better."""

    exit_code = 2


class TooLarge(BadInput):
    """Input over a stated limit."""


class Forged(BadInput):
    """A message whose sender could not be verified."""


class Refused(TrimtabError):
    """A decision, not an accident."""

    exit_code = 1


class Broken(Refused):
    """A record that contradicts itself."""


class Gone(Refused):
    """What was asked for is no longer kept."""


class Upstream(TrimtabError):
    """A failure outside; delivering the same event again may succeed."""

    exit_code = 3


class Overloaded(Upstream):
    """The service refused the question for its size, or took too long over it; a smaller one may be answered."""


class NotYet(Upstream):
    """The service has not computed the answer yet; ask again later, and decide nothing on it until then."""
