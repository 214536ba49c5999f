"""The public benchmarks: real shoppers, published rules, and published figures to stand against."""
