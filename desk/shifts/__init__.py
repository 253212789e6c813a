"""Shifts: who works on which story, and the notes that go from one shift to the next."""
