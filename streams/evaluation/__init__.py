"""The judgement on a model, as one HTML page."""
