"""Topics: subject matter that articles are filed under (docs/topics.md).

``definitions`` defines topics and reads topic files; ``score`` decides which topics an article has; ``fit`` fits a
topic's weights to labelled articles.
"""

from core.topics.definitions import (
    Example,
    Rule,
    TermList,
    Topic,
    WeightedQuery,
    builtin_topics,
    load_topic,
    load_topic_folder,
)
from core.topics.score import ExampleFailure, Scored, Tagger, check_topic, tag

__all__ = [
    "Example",
    "ExampleFailure",
    "Rule",
    "Scored",
    "Tagger",
    "TermList",
    "Topic",
    "WeightedQuery",
    "builtin_topics",
    "check_topic",
    "load_topic",
    "load_topic_folder",
    "tag",
]
