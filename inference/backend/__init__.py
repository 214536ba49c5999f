"""What the embedded Triton's Python backend runs."""
