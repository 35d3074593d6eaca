"""An experiment for the tests of runs: a descent with noise and momentum on a quadratic, with the state that such a training has."""

import torch

from numerics.networks.experiments.experiment import Comparison, Experiment


class Descent:
    """A descent with momentum to a target, whose gradients are noisy and whose steps shrink."""

    def __init__(self, parameters, seed, device):
        self.parameters, self.stages, self.stage = parameters, parameters["stages"], 0
        self.generator = torch.Generator().manual_seed(seed)
        self.target = torch.tensor(parameters["target"], dtype=torch.float64)
        self.x = torch.randn(3, generator=self.generator, dtype=torch.float64)
        self.speed = torch.zeros(3, dtype=torch.float64)

    def advance(self):
        for _ in range(20):
            noise = torch.randn(3, generator=self.generator, dtype=torch.float64)
            self.speed = 0.5 * self.speed - (self.x - self.target + 0.01 * noise) / (4 + self.stage)
            self.x = self.x + self.speed
        self.stage += 1
        return {"distance": (self.x - self.target).norm().item(), "size": self.x.norm().item()}

    def state(self):
        return {"x": self.x, "speed": self.speed, "stage": self.stage, "generator": self.generator.get_state()}

    def restore(self, state):
        self.x, self.speed, self.stage = state["x"], state["speed"], state["stage"]
        self.generator.set_state(state["generator"])

    def comparison(self):
        gram = torch.outer(self.x, self.x)
        off = (gram - torch.outer(self.target, self.target)).abs().max().item()
        return Comparison(
            predict(self.parameters, 0),
            {"gram": gram.tolist(), "size": self.x.norm().item()},
            {"gram": off},
            {"gram": 0.05},
        )


def predict(parameters, seed):
    target = torch.tensor(parameters["target"], dtype=torch.float64)
    return {"gram": torch.outer(target, target).tolist(), "size": target.norm().item()}


SMALL = {"target": (1.0, -2.0, 0.5), "stages": 6}
DESCENT = Experiment(
    "noisy-descent", "descent with noise", "none", "the descent finds the target", "none", "three numbers",
    {"small": SMALL, "full": {**SMALL, "stages": 120}}, predict, Descent,
)  # fmt: skip
