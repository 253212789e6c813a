"""Guessing is slowed by name and place together. The rules alone, without a store."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.net.addresses import place_of
from desk.people.sign_in_throttle import AT_PLACE, DESK, NAME, PLACE, Spent, decide, undone
from tests.laws import examples

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ANN, HERE = "ann", "here"


@dataclass
class Tries:
    """What a store does with the decisions: one moment for each key."""

    whole: dict[tuple[str, str], int] = field(default_factory=dict)
    known: set[tuple[str, str]] = field(default_factory=set)
    now_ms: int = 1_000_000_000

    def keys(self, name: str, place: str) -> tuple[tuple[str, str], ...]:
        return (name, place), ("", place), (name, ""), ("", "")

    def attempt(self, name: str, place: str, *, right: bool = False) -> int:
        """Milliseconds to wait; 0: it was answered."""
        keys = self.keys(name, place)
        spent = Spent(*(self.whole.get(key, 0) for key in keys))
        decision = decide(spent, known=(name, place) in self.known, now_ms=self.now_ms)
        after = decision.spent
        if right and not decision.wait_ms:
            after = undone(after, decision.cost)
            self.known.add((name, place))
        if not decision.wait_ms:
            self.whole |= dict(zip(keys, after, strict=True))
        return decision.wait_ms


attacks = st.lists(
    st.tuples(
        st.sampled_from([ANN, "bo", "root"]),
        st.integers(0, 40).map(lambda number: f"place {number}"),
        st.integers(1, 30),
        st.integers(0, 5 * MINUTE),
    ),
    max_size=60,
)


def suffer(tries: Tries, attack: list[tuple[str, str, int, int]]) -> None:
    for name, place, times, pause_ms in attack:
        for _ in range(times):
            tries.attempt(name, place)
        tries.now_ms += pause_ms


@settings(max_examples=examples(60), deadline=None)
@given(attack=attacks, wrong=st.integers(0, 9))
def test_attempts_from_elsewhere_do_not_lock_a_person_out_of_a_known_place(
    attack: list[tuple[str, str, int, int]], wrong: int
) -> None:
    tries = Tries()
    assert tries.attempt(ANN, HERE, right=True) == 0
    suffer(tries, attack)
    assert [tries.attempt(ANN, HERE) for _ in range(wrong)] == [0] * wrong
    assert tries.attempt(ANN, HERE, right=True) == 0


@settings(max_examples=examples(60), deadline=None)
@given(attack=attacks)
def test_the_right_password_works_from_any_place_without_earlier_attempts(
    attack: list[tuple[str, str, int, int]],
) -> None:
    tries = Tries()
    suffer(tries, attack)
    assert tries.attempt(ANN, HERE) == 0
    assert tries.attempt(ANN, HERE, right=True) == 0


@settings(max_examples=examples(60), deadline=None)
@given(spent=st.tuples(*[st.integers(0, 10**15)] * 4), known=st.booleans(), now_ms=st.integers(0, 10**15))
def test_whatever_is_stored_the_wait_is_an_hour_at_most_and_waiting_helps(
    spent: tuple[int, int, int, int], known: bool, now_ms: int
) -> None:
    found, waited_ms = decide(Spent(*spent), known=known, now_ms=now_ms), 0
    # Meanwhile the name may come to be guessed at less, and then another allowance counts, which may ask for a little more.
    for _ in range(4):
        assert found.wait_ms >= 0
        waited_ms += found.wait_ms
        found = decide(found.spent, known=known, now_ms=now_ms + waited_ms) if found.wait_ms else found
    assert found.wait_ms == 0
    assert waited_ms <= HOUR
    assert all(cost >= 0 for cost in found.cost)


def hammer(tries: Tries, names: int, places: int, duration_ms: int, every_ms: int = 5 * MINUTE) -> int:
    """How many tries are answered if each place tries each name as often as it may."""
    answered = 0
    end_ms = tries.now_ms + duration_ms
    while tries.now_ms < end_ms:
        for place in range(places):
            for name in range(names):
                while tries.attempt(f"name {name}", f"place {place}") == 0:
                    answered += 1
        tries.now_ms += every_ms
    return answered


def test_one_place_guesses_at_one_name_at_a_tries_pace() -> None:
    assert hammer(Tries(), names=1, places=1, duration_ms=DAY) <= AT_PLACE[0][0] + DAY // AT_PLACE[0][1]


def test_guesses_at_many_names_from_one_place_share_its_limit() -> None:
    assert hammer(Tries(), names=500, places=1, duration_ms=HOUR) <= PLACE[0] + HOUR // PLACE[1]


@pytest.mark.parametrize(("names", "places"), [(1, 200), (50, 200)], ids=["one name", "many names"])
def test_many_places_get_only_what_a_strange_place_may_under_attack(names: int, places: int) -> None:
    tries = Tries()
    first = hammer(tries, names, places, HOUR)
    # Until it is noticed, 500 tries in all at most, or 100 at one name; then two for each name and place, and their pace.
    until_noticed = min(names * NAME.steps[1], DESK.steps[1]) + AT_PLACE[0][0] * names
    burst, every_ms = AT_PLACE[-1]
    assert first <= until_noticed + names * places * (burst + HOUR // every_ms)
    alone = AT_PLACE[0][0] + HOUR // AT_PLACE[0][1]
    assert first < names * places * alone / 6
    # And the desk itself bounds it: strangers' places together, whatever the number of names.
    assert hammer(tries, names, places, HOUR) <= names * places * (HOUR // every_ms + 1)


def test_an_attack_that_ends_is_forgotten() -> None:
    tries = Tries()
    for place in range(400):
        tries.attempt(ANN, f"place {place}")
    assert [tries.attempt(ANN, HERE) == 0 for _ in range(3)] == [True, True, False]
    tries.now_ms += NAME.most * NAME.every_ms
    assert [tries.attempt(ANN, HERE) == 0 for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:1::1", "2001:db8:1:2::9", True),
        ("2001:db8:1:100::1", "2001:db8:1:200::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("", "testclient", False),
    ],
)
def test_one_customer_is_one_place(one: str, other: str, same: bool) -> None:
    assert (place_of(one) == place_of(other)) is same
    assert max(len(place_of(one)), len(place_of(other))) <= 64
