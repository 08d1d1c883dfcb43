"""The benchmark suite: `fastcnn bench` runs it. docs/benchmarks.md says how things are measured and how to read them."""
