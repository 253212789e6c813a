"""The steps of the graph as Beam transforms. All DoFns are here, private behind public PTransforms."""
