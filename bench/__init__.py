"""Benchmarks: Stepwell beside moto's interpreter, and beside DBOS on disk, in one run, on one machine.

    python -m bench                    everything, as a table, and as JSON under bench/results/
    python -m bench --only loop        the workloads whose names begin with "loop"
    python -m bench --profile loop     where the time of one workload goes

`workloads` says what is measured, `report` shows it. In memory `stepwell_side` and `moto_side` measure it, and
`processes` what needs a process of its own; on disk `durable` has it measured by `engine_side` and `dbos_side`. All
sides keep whole histories. No test asserts a time: these figures are for reading.
"""
