"""Records whose bytes outlive the process that wrote them."""
