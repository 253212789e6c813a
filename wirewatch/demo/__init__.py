"""Three invented news outlets, served on this machine, for ``wirewatch up --demo`` and for tests.

The articles are data files of this package (``data/``, described in its README). Pure functions compute everything that
is served from the samples, the start time and the elapsed seconds; only ``server`` has a socket, and its clock is
passed in.
"""

from wirewatch.demo.outlets import DemoOutlets, DemoResponse
from wirewatch.demo.samples import Expect, SampleArticle, SampleOutlet, Samples, Text, load_samples
from wirewatch.demo.server import DemoServer, feed_urls, serve

__all__ = [
    "DemoOutlets",
    "DemoResponse",
    "DemoServer",
    "Expect",
    "SampleArticle",
    "SampleOutlet",
    "Samples",
    "Text",
    "feed_urls",
    "load_samples",
    "serve",
]
