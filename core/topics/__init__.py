"""Topics: subject matter that articles are filed under (docs/extending.md).

``model`` and ``score`` are pure; ``load`` reads topic files, ``check`` runs a topic's own examples.
"""

from core.topics.check import ExampleFailure, check_topic
from core.topics.load import builtin_topics, load_topic, load_topic_folder
from core.topics.model import Example, Topic, WeightedQuery
from core.topics.score import Tagger, tag

__all__ = [
    "Example",
    "ExampleFailure",
    "Tagger",
    "Topic",
    "WeightedQuery",
    "builtin_topics",
    "check_topic",
    "load_topic",
    "load_topic_folder",
    "tag",
]
