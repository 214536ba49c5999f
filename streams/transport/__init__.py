"""A Faust transport that hands an agent blocks of records."""
