"""Stories (pure): which articles are versions or copies of one another, and which alerts they raise.

No Beam, Kafka, SQL, files or clock: a decision is a function of the article, its place in the order, its earlier
versions, and the index asked as of that place.

``stage`` decides a batch; ``index`` finds copies and events by ``features`` (``entries``, ``multimap``, ``frequencies``,
``similarity``); ``alerts`` decides what in a story is news to which subscription (``facts``, ``figures``, ``story_memory``).
"""
