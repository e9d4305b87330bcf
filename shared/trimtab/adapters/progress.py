"""Ways to tell how far long work is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Silent:
    """Port Progress for functions: nobody watches."""

    def step(self, text: str, done: int, total: int | None) -> None:
        """Nothing."""
