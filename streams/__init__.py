"""Events in, interventions out."""
