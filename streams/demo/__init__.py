"""kairos demo: the main job in a minute, on real parts."""
