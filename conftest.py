"""Settings that the unit tests and the theorem checks share."""

import torch

pytest_plugins = ["proofs_check.plugin"]

# Tensors here are small: a second thread waits more than it works, and two processes on two cores fight over both.
torch.set_num_threads(1)
