"""How long what was measured says something of now."""

from datetime import datetime, timedelta

STILL_NOW = timedelta(hours=36)
"""How old the newest measured hour may be: collectors that push once a day must do."""


def is_still_now(hour: str, now: datetime) -> bool:
    """True where a measured hour is young enough to say something of now; one that is not yet is a clock's fault and says nothing."""
    try:
        measured = datetime.fromisoformat(hour)
    except ValueError:
        return False
    return measured.tzinfo is not None and timedelta(0) <= now - measured <= STILL_NOW
