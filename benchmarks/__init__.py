"""What a sync costs: calls, CPU, time and memory, each compared with something else within one run.

`python -m benchmarks` prints the table; README.md says what is measured how.
"""
