"""Both sides of walls by repetition on real articles: what a host carries at several addresses, and one wall at many.

Optional: the corpora are not part of the project, and without them there is nothing to do.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.pipeline.stories.test_repeated_walls import NOTICE, WALLS, Page, judged, shown
from tests.quality.test_short_articles import articles

pytestmark = pytest.mark.corpus


def forms(title: str, text: str, random: Random) -> list[Page]:
    """One article at many addresses of a host: print, section and updated ones, each with a headline of its own."""
    words = title.split()
    shuffled = random.sample(words, len(words))
    slug = "-".join(words).casefold()[:80]
    return [
        Page(f"/news/{slug}", text, title),
        Page(f"/print/{slug}", text, " ".join(words[: max(2, len(words) // 2)])),
        Page(f"/amp/{slug}.html", text, "Live: " + " ".join(words[len(words) // 3 :])),
        Page(f"/world/other-{slug}", text, " ".join(shuffled)),
        Page("/a/12345", text, f"UPDATE 1- {title}"),
        Page("/a/12346", text, None),
    ]


@pytest.mark.parametrize("name", ["topics", "events"])
def test_no_article_that_a_host_carries_often_is_refused(name: str) -> None:
    random = Random(5)
    titled = [(one["title"], one["text"]) for one in articles(name) if one.get("title")]
    refused = [title for title, text in titled if any(judged(forms(title, text, random)))]
    assert refused == []


def test_a_wall_is_known_from_the_third_address_on_whatever_the_articles() -> None:
    random = Random(6)
    titles = [one["title"] for one in articles("events") if one.get("title")]
    walls = [NOTICE, *(shown(case["body"]) for case in WALLS)]
    caught = [
        found is True
        for text in walls
        for found in judged([Page(f"/{place}", text, title) for place, title in enumerate(random.sample(titles, 10))])[
            2:
        ]
    ]
    assert sum(caught) / len(caught) >= 0.98, sum(caught)
