"""The table of a proposal's life: total, without dead ends nobody meant, and no way around the gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import Refused
from trimtab.lifecycle import TABLE, Event, State, advance, is_over

OURS = [event for event in Event if event is not Event.MERGED]


def walk(events: list[Event]) -> list[tuple[State, Event, State]]:
    """The moves that these events make from the beginning; impossible ones are skipped, as a refused use case skips them."""
    state, moves = State.NEW, []
    for event in events:
        try:
            after = advance(state, event)
        except Refused:
            continue
        moves.append((state, event, after))
        state = after
    return moves


@given(st.lists(st.sampled_from(list(Event)), max_size=60))
def test_no_path_reaches_merged_but_through_merging_or_a_merge_on_the_forge(events: list[Event]) -> None:
    """And merging is only ever entered from approved."""
    for before, event, after in walk(events):
        assert after is not State.MERGED or event is Event.MERGED
        assert after is not State.MERGING or before is State.APPROVED
        assert after is not State.APPROVED or event in (Event.APPROVED, Event.AUTO_APPROVED)


@given(st.lists(st.sampled_from(OURS), max_size=60))
def test_without_a_merge_nothing_is_applied_verified_or_rolled_back(events: list[Event]) -> None:
    assert not {State.MERGED, State.APPLIED, State.VERIFIED, State.ROLLED_BACK} & {after for _, _, after in walk(events)}


@given(st.lists(st.sampled_from(list(Event)), max_size=60))
def test_what_people_took_over_or_turned_down_never_merges_by_itself(events: list[Event]) -> None:
    """From there only a person's merge on the forge, or a new plan, leads on."""
    for before, event, after in walk(events):
        if before in (State.HUMAN_OWNED, State.REJECTED, State.SNOOZED, State.IGNORED, State.SUPERSEDED):
            assert after in (State.HUMAN_OWNED, State.MERGED, State.IGNORED, State.PLANNED), (before, event)
            assert before is State.HUMAN_OWNED or event is Event.PLANNED


@pytest.mark.parametrize("event", Event)
def test_the_table_knows_every_event(event: Event) -> None:
    allowed, after = TABLE[event]

    assert len(set(allowed)) == len(allowed) > 0
    assert isinstance(after, State)


@pytest.mark.parametrize("state", [state for state in State if state is not State.NEW])
def test_every_state_can_be_reached_and_left(state: State) -> None:
    """A state nobody can leave would hold its subject for ever."""
    assert any(after is state for _, after in TABLE.values())
    assert any(state in allowed and after is not state for allowed, after in TABLE.values())


@pytest.mark.parametrize("state", State)
def test_a_new_plan_begins_exactly_where_a_life_is_over(state: State) -> None:
    assert (state in TABLE[Event.PLANNED][0]) == is_over(state)


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for event, (allowed, _) in TABLE.items() for state in State if state not in allowed]
)
def test_every_other_move_is_refused_and_both_are_named(state: State, event: Event) -> None:
    with pytest.raises(Refused, match=f"{event} cannot happen to a proposal that is {state}"):
        advance(state, event)
