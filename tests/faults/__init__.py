"""Kills, races, cut connections, stopped servers, and planted faults that show that these tests can fail."""
