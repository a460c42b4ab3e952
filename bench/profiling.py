"""Where the time of one workload goes: the functions that take most, by cProfile.

cProfile makes calls dear, so short functions look worse than they are: read the order, not the seconds.
"""

import cProfile
import pstats

from bench.stepwell_side import sampler
from bench.workloads import Workload

REPETITIONS = 20
LINES = 30


def show_profile(workload: Workload) -> None:
    sample = sampler(workload)
    sample()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(REPETITIONS):
        sample()
    profile.disable()
    statistics = pstats.Stats(profile)
    for order in ("tottime", "cumulative"):
        print(f"\n{workload.name}, {REPETITIONS} times, by {order}")
        statistics.sort_stats(order).print_stats(LINES)
