"""Benchmarks: Stepwell beside moto's interpreter, in one run, on one machine.

    python -m bench                    everything, as a table, and as JSON under bench/results/
    python -m bench --only loop        the workloads whose names begin with "loop"
    python -m bench --profile loop     where the time of one workload goes

`workloads` says what is measured, `stepwell_side` and `moto_side` measure it, `processes` measures what needs a process
of its own, `report` shows it. Both sides keep whole histories. No test asserts a time: these figures are for reading.
"""
