"""deploy/compose.yaml on a real container engine, with stand-ins made from packages for the images of others."""
