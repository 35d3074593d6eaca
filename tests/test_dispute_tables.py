"""The cells of the table on targets learned together."""

from book.figures.disputes import TASK_HEADS, task_cells
from numerics.backends.balls import Ball
from numerics.judging.disputed import Learned
from theory.disputes import TASKS


def test_every_number_stands_under_its_head():
    together, alone = Learned(Ball(1), Ball(2)), Learned(Ball(3), Ball(4))
    row = dict(zip(TASK_HEADS, task_cells(TASKS.tasks[0], together, alone), strict=True))
    numbers = {head: float(cell) for head, cell in row.items() if head.startswith(("Training", "Loss"))}
    assert numbers == {
        "Training MSE, together": 2,
        "Training MSE, one by one": 4,
        "Loss, together": 1,
        "Loss, one by one": 3,
    }
    assert row["Smaller together"] == "yes"
    assert "theta=1.4,0.2" in row["Targets"]
    assert "one by one" not in row["Decays"]


def test_stronger_decays_of_the_single_targets_are_named():
    equal = Learned(Ball(1), Ball(1))
    row = dict(zip(TASK_HEADS, task_cells(TASKS.tasks[3], equal, equal), strict=True))
    assert row["Smaller together"] == "no difference"
    assert row["Decays"].endswith("one by one <code>weight_decay=0.04</code>")
