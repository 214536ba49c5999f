"""The live decision path over a recorded log."""
