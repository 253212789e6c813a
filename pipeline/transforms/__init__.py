"""The steps of the graph as Beam transforms. All DoFns live here, private behind public PTransforms."""
