"""The data files: well formed, complete, and what the README says of them."""

from __future__ import annotations

import shutil
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from core.errors import InputError, UsageError
from core.query import Document, compile_query, parse
from core.records import Subscription
from wirewatch.demo import DemoOutlets, Expect, SampleArticle, Samples, load_samples

TOPICS = {"syria", "ukraine-talks", "iran-saudi"}
SCRIPTS = {
    "ar": "ARABIC",
    "fa": "ARABIC",
    "ru": "CYRILLIC",
    "uk": "CYRILLIC",
    "en": "LATIN",
    "fr": "LATIN",
    "tr": "LATIN",
}
# Letters that one language has and its neighbour in the same script lacks.
OWN_LETTERS = {"fa": "پچگیک", "ar": "يكة", "uk": "іїє", "ru": "ыэ", "tr": "ışğ", "fr": "éèà"}
FOREIGN_LETTERS = {"fa": "يكة", "ar": "پچگیک", "uk": "ыэёъ", "ru": "іїєґ", "tr": "qwxé", "en": "ışğ"}


def _full(samples: Samples) -> list[SampleArticle]:
    return [article for article in samples.articles if article.page == "full"]


def _body(article: SampleArticle, at_s: float = 60.0) -> str:
    text = article.text_at(at_s)
    return "\n".join((text.lead, *text.paragraphs))


def test_languages_and_outlets_have_the_numbers_that_the_readme_says(samples: Samples) -> None:
    assert Counter(article.language for article in samples.articles) == {
        "en": 15, "ar": 6, "fr": 6, "ru": 6, "tr": 6, "uk": 5, "fa": 4,
    }  # fmt: skip
    assert Counter(article.outlet for article in samples.articles) == {"birchgate": 17, "lanterns": 16, "harbour": 15}
    assert {outlet.feed for outlet in samples.outlets.values()} == {"rss", "atom", "json"}


def test_topics_are_in_several_languages_and_a_third_has_none(samples: Samples) -> None:
    for topic in TOPICS:
        languages = {article.language for article in samples.articles if topic in article.expect.topics}
        assert len(languages) >= 6, topic
    without = [article for article in _full(samples) if not article.expect.topics]
    assert 0.3 <= len(without) / len(_full(samples)) <= 0.45
    assert {topic for article in samples.articles for topic in article.expect.topics} == TOPICS


def test_articles_and_revisions_come_within_the_first_minute(samples: Samples) -> None:
    assert sum(article.published == 0 for article in samples.articles) == 3
    for article in samples.articles:
        assert 0 <= article.published <= 60, article.id
        assert all(article.published < revision.at <= 60 for revision in article.revisions), article.id


def test_full_texts_have_the_length_of_a_news_report(samples: Samples) -> None:
    for article in _full(samples):
        assert 110 <= len(_body(article, 0.0).split()) <= 300, article.id
        assert len(article.text_at(0.0).paragraphs) >= 4, article.id


def test_letters_are_those_of_the_language(samples: Samples) -> None:
    for article in _full(samples):
        text = _body(article)
        letters = [unicodedata.name(char).split()[0] for char in text if char.isalpha()]
        assert letters.count(SCRIPTS[article.language]) / len(letters) > 0.95, article.id
        assert all(char in text for char in OWN_LETTERS.get(article.language, "")[:1]), article.id
        words = [word for word in text.split() if not word[0].isupper()]
        wrong = [word for word in words if set(word) & set(FOREIGN_LETTERS.get(article.language, ""))]
        assert not wrong, article.id


def test_text_is_normalised_and_has_no_stray_characters(samples: Samples) -> None:
    for article in _full(samples):
        text = article.title + _body(article)
        assert text == unicodedata.normalize("NFC", text), article.id
        joiner = "\u200c" if article.language == "fa" else ""
        odd = [
            char
            for char in text
            if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cn"} and char not in {"\n", joiner}
        ]
        assert not odd, article.id


def test_copies_expect_what_their_originals_do(samples: Samples) -> None:
    copies = [article for article in samples.articles if article.copy_of]
    assert len(copies) >= 4
    shares = []
    for copy in copies:
        original = samples.article(copy.copy_of or "")
        assert copy.expect.duplicate_of == original.id
        assert copy.expect.outcome == "duplicate"
        assert copy.expect.topics == original.expect.topics
        assert copy.outlet != original.outlet
        assert copy.language == original.language
        assert copy.title != original.title
        assert copy.published > original.published
        assert "Wire)" in copy.text_at(0.0).lead or "ميريديان" in copy.text_at(0.0).lead
        assert original.lead in copy.text_at(0.0).lead
        shares.append(len("".join(copy.paragraphs)) / len("".join(original.paragraphs)))
    assert sum(share == 1 for share in shares) == len(shares) - 1
    assert 0.6 <= min(shares) <= 0.8
    marked = {article.id for article in samples.articles if article.expect.duplicate_of}
    assert marked == {copy.id for copy in copies}


def test_each_outlet_has_an_edited_article(samples: Samples) -> None:
    edited = [article for article in samples.articles if article.revisions]
    assert {article.outlet for article in edited} == set(samples.outlets)
    for article in edited:
        first, last = article.text_at(0.0), article.text_at(60.0)
        assert first.title != last.title
        assert first.lead != last.lead
        assert len(last.paragraphs) == len(first.paragraphs) + 1


def test_awkward_cases_are_included(samples: Samples) -> None:
    assert [article.id for article in samples.articles if article.page == "empty"] == ["birchgate-empty-page"]
    assert [article.id for article in samples.articles if article.page == "missing"] == ["harbour-withdrawn"]
    assert any("utm_" in article.link_query for article in samples.articles)
    assert {article.expect.outcome for article in samples.articles} == {
        "published",
        "duplicate",
        "rejected",
        "unfetched",
    }


def test_each_subscription_meets_an_article_and_not_all(samples: Samples) -> None:
    lines = samples.subscriptions_path.read_bytes().splitlines()
    subscriptions = [msgspec.json.decode(line, type=Subscription) for line in lines]
    assert len({one.id for one in subscriptions}) == len(subscriptions) >= 6
    assert all(set(msgspec.json.decode(line)) == {"id", "name", "owner", "query"} for line in lines)
    scripts = "".join(one.query for one in subscriptions)
    assert any("\u0400" <= char <= "\u04ff" for char in scripts)
    assert any("\u0600" <= char <= "\u06ff" for char in scripts)
    for one in subscriptions:
        query = compile_query(parse(one.query))
        met = [
            article.id for article in _full(samples) if query.match(Document(article.title, _body(article))) is not None
        ]
        assert 1 <= len(met) <= 12, (one.id, met)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reinstall it"):
        load_samples(tmp_path)


BAD_EDITS: list[tuple[str, str, str, str]] = [
    ("unknown key", 'section = "life"', 'section = "life"\ncolour = "red"', "colour"),
    ("unknown gold key", "topics = []", "topics = []\ntopic = 1", "topic"),
    ("wrong type", "published = 3", 'published = "3"', "published"),
    ("no such outlet", 'outlet = "harbour"', 'outlet = "nowhere"', "nowhere"),
    ("no such section", 'section = "life"', 'section = "politics"', "politics"),
    ("no such language", 'language = "en"', 'language = "de"', "de"),
    ("link to nothing", '"harbour-design-prize"', '"harbour-gone"', "harbour-gone"),
    ("copy with a text", "published = 3", 'published = 3\ncopy_of = "harbour-zeytin"', "copy"),
    ("not TOML", "published = 3", "published = ", "Invalid"),
    ("another id", 'id = "harbour-restaurant-review"', 'id = "x"', "its id is"),
    ("path taken", 'slug = "restaurant-review"', 'slug = "storm-warning"', "two articles"),
]


@pytest.mark.parametrize(("name", "old", "new", "says"), BAD_EDITS, ids=[case[0] for case in BAD_EDITS])
def test_a_bad_file_is_named(samples: Samples, tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    root = tmp_path / "samples"
    shutil.copytree(samples.root, root)
    path = root / "articles" / "harbour-restaurant-review.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_samples(root)
    assert says in str(caught.value)
    if name != "path taken":
        assert "harbour-restaurant-review" in str(caught.value)


def test_gold_stays_out_of_what_is_served(outlets: DemoOutlets, samples: Samples) -> None:
    def without_gold(article: SampleArticle) -> SampleArticle:
        return msgspec.structs.replace(article, expect=Expect(topics=(), outcome="published"))

    blind = replace(
        outlets, samples=msgspec.structs.replace(samples, articles=tuple(map(without_gold, samples.articles)))
    )
    for path in [one.feed_path for one in samples.outlets.values()] + [one.path for one in samples.articles]:
        assert blind.get(path, 60.0) == outlets.get(path, 60.0)
