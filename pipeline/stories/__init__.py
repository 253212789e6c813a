"""Stories (pure): which articles are versions or copies of one another, and which alerts that raises.

No Beam, Kafka, SQL, files or clock: a decision is a function of the article, its place in the order, its earlier
versions, and the index asked as of that place.
"""

from core.records.story import Story
from pipeline.stories.alerts import AlertRule
from pipeline.stories.decide import Decision, decide, entry_of
from pipeline.stories.features import features
from pipeline.stories.grouping import LexicalSimilarity, Similarity
from pipeline.stories.index import Entry, StoryIndex
from pipeline.stories.stage import Handled, StoryStage, Told
from pipeline.stories.story import grown, independent_source

__all__ = [
    "AlertRule",
    "Decision",
    "Entry",
    "Handled",
    "LexicalSimilarity",
    "Similarity",
    "Story",
    "StoryIndex",
    "StoryStage",
    "Told",
    "decide",
    "entry_of",
    "features",
    "grown",
    "independent_source",
]
