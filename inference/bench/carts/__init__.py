"""Will this cart be bought? RetailRocket's cart sessions, as they stood some events after the first add-to-cart."""
