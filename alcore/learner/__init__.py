"""Owns everything that knows torch: networks, augmentation, training, inference, checkpoints.

Only jobs, the command line and benchmarks may import from here: importing torch takes a second
and 200 MB. This module itself imports nothing of it.
"""

import os

# OpenMP reads this once, when torch is loaded, so it must stand before any import of torch.
# Threads that wait for work then sleep instead of spinning. A trainer shares its cores with
# people who label: spinning took 3 to 6 times the processor time and 5 to 10 times the wall
# time on two busy cores, and gains little on idle ones.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
