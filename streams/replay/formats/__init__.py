"""Recorded logs of other systems, as the events they would have sent."""
