"""Text on its way to GitLab: a line that starts with a slash is a command there, and GitLab carries it out as whoever sent the text.

`/merge`, `/approve` or `/close` in a description, a note or an issue would be ours. This is the last line of defence: a backslash before
the slash shows the same text and does nothing. What is read back is undone, so that text which we compare is the text that we sent.
"""

import re

_BREAK = r"(?P<start>^|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
_BLANK = r"(?P<blank>[\s\u200b-\u200f\u2060\ufeff]*)"
_SENT = re.compile(rf"{_BREAK}{_BLANK}(?P<slash>\\*/)")
_READ = re.compile(rf"{_BREAK}{_BLANK}\\(?P<slash>\\*/)")


def disarmed(text: str) -> str:
    """The text with one backslash more before the first slash of every line that starts with one."""
    return _SENT.sub(r"\g<start>\g<blank>\\\g<slash>", text)


def as_sent(text: str) -> str:
    """The text that `disarmed` was given."""
    return _READ.sub(r"\g<start>\g<blank>\g<slash>", text)
