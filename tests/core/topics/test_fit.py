"""Fitting: groups stay together, signs stay, files keep all but their numbers, and too few examples are refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.topics import builtin_topics, load_topic
from core.topics.definitions import builtin_definitions
from core.topics.fit import Figures, Labelled, fit, group_examples
from core.topics.weights import with_weights

FILE = '''
name = "floods"
title = "Floods"
threshold = 4.0   # fitted
needs = ["flood"]

[list.flood]
terms.en = """
flood*, high water
title = "no weight, but a word" """

[list.sale]
terms.en = "discount*, market flooded"

# What counts.

[[rule]]
name = "floods"
all = ["flood"]
lead = 1.0

# Shops.

[[rule]]
name = "sales"
all = ["sale"]
title = -1.0

[[must_match]]
title = "Flood in the valley"
text = "The flood took two bridges."
'''
YES = [
    Labelled(title=title, text=text, language="en", label=True)
    for title, text in (
        ("Flood hits Passau", "The river rose by four metres overnight. Soldiers fill sandbags."),
        ("Flood warning lifted", "Campers near York may return. The flood left mud in two hundred tents."),
        ("Turin counts its losses", "A flood destroyed workshops along the Po. Insurers promise quick payment."),
        ("", "Firemen rescued eleven sheep from a flood meadow outside Ghent before breakfast."),
    )
]
NO = [
    Labelled(
        title="Discount week", text=f"Shops in {town} flood the market with discounts.", language="en", label=False
    )
    for town in ("Passau", "Leeds", "Bern")
]


def test_weights_keep_their_sign_and_separate_the_examples() -> None:
    fitted = fit(load_topic(FILE, "floods"), [*YES, *NO])
    floods, sales = fitted.topic.rules
    assert (floods.title > 0, floods.lead > 0) == (True, True)
    assert sales.title < 0
    assert fitted.after == Figures(true=4, false=0, missed=0)
    # One rule begins with 1 for the title and 1 for the lead.
    assert fitted.topic.threshold == 1.0
    assert all(round(weight * 100) / 100 == weight for rule in fitted.topic.rules for weight in (rule.title, rule.lead))


def test_undecided_examples_are_left_out() -> None:
    doubtful = msgspec.structs.replace(YES[0], label=None)
    named = msgspec.structs.replace(NO[0], label=msgspec.UNSET, topics=("other",))
    assert len(fit(load_topic(FILE, "floods"), [*YES, *NO, doubtful, named]).judged) == 8


def test_a_mark_of_the_desk_is_a_label() -> None:
    marked = Labelled(text="x", topics=("floods",), relevant=False)
    assert [one.has("floods") for one in (marked, msgspec.structs.replace(marked, relevant=None))] == [False, True]
    assert msgspec.structs.replace(marked, label=True).has("floods") is True


@pytest.mark.parametrize("examples", [[], YES, NO, [YES[0], *NO]])
def test_too_few_examples_are_refused(examples: list[Labelled]) -> None:
    with pytest.raises(ValueError, match="two events"):
        fit(load_topic(FILE, "floods"), examples)


def test_a_list_left_out_must_be_there() -> None:
    with pytest.raises(ValueError, match="no list sails"):
        fit(load_topic(FILE, "floods"), [*YES, *NO], without=["sails"])


def test_only_the_threshold_of_a_topic_of_queries_is_fitted() -> None:
    topic = load_topic('name = "f"\ntitle = "F"\nthreshold = 9.0\n[[query]]\nquery = "flood*"\n', "f")
    fitted = fit(topic, [*YES, *NO])
    assert fitted.topic.queries == topic.queries
    assert fitted.topic.threshold < 9
    assert fitted.after.f1 > 0.8


def test_copies_and_labelled_groups_stay_together() -> None:
    storm = "A storm closed the harbour of Antwerp on Tuesday and cut the power in four districts"
    several = [
        Labelled(text=storm, source="a"),
        Labelled(text=f"{storm}, the port authority said", source="b"),
        Labelled(text="Something else altogether happened at Ghent yesterday evening", group="x", source="c"),
        Labelled(text="Unrelated words about rowing clubs along quiet rivers", group="x", source="d"),
        Labelled(text="Prices of bread rose sharply across several regions", source="e"),
        Labelled(text="Museums reopen after lengthy restoration works", source="e"),
    ]
    groups = group_examples([*several, *(Labelled(text=f"word{n} " * 8, source=f"s{n}") for n in range(12))])
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert groups[4] == groups[5]
    assert len({groups[0], groups[2], groups[4]}) == 3


def test_an_outlet_with_most_of_the_examples_is_not_a_group() -> None:
    texts = ["bread prices rose in many towns", "museums reopen after long works", "rowing clubs win quiet races"]
    assert len(set(group_examples([Labelled(text=text, source="agency") for text in texts]))) == 3


def test_a_file_keeps_all_but_its_numbers() -> None:
    topic = load_topic(FILE, "floods")
    rules = tuple(msgspec.structs.replace(rule, title=1.25, lead=0.0, body=-0.5) for rule in topic.rules)
    written = with_weights(FILE, msgspec.structs.replace(topic, rules=rules, threshold=3.5))
    again = load_topic(written, "floods")
    assert again.rules == rules
    assert again.threshold == 3.5
    assert (again.lists, again.must_match, again.needs) == (topic.lists, topic.must_match, topic.needs)
    assert "# What counts.\n\n[[rule]]" in written
    assert 'all = ["flood"]\ntitle = 1.25\nbody = -0.5\n\n# Shops.' in written


@pytest.mark.parametrize("name", [topic.name for topic in builtin_topics()])
def test_the_built_in_files_are_rewritten_as_they_are(name: str) -> None:
    text = builtin_definitions()[name]
    assert with_weights(text, load_topic(text, name)) == text


@given(st.lists(st.floats(-19, 19).map(lambda weight: round(weight, 2)), min_size=6, max_size=6))
def test_written_records_are_read_unchanged(weights: list[float]) -> None:
    topic = load_topic(FILE, "floods")
    rules = tuple(
        msgspec.structs.replace(
            rule, title=weights[3 * n], lead=weights[3 * n + 1], body=round(abs(weights[3 * n + 2]) + 0.01, 2)
        )
        for n, rule in enumerate(topic.rules)
    )
    assert load_topic(with_weights(FILE, msgspec.structs.replace(topic, rules=rules)), "f").rules == rules
