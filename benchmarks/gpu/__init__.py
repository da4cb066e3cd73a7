"""What `python -m benchmarks.gpu_report` times on a GPU: ours in three libraries, and the peers."""
