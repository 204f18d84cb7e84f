"""The settings of an optimizer as a run gives them, which hold also after a checkpoint has brought back others."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

GroupSettings = list[dict[str, Any]]
"""Those of each group of parameters."""


def settings_of(optimizer: Optimizer) -> GroupSettings:
    """All settings of an optimizer that no schedule has touched yet."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]


def apply_settings(optimizer: Optimizer, given: GroupSettings, schedule: LRScheduler | None) -> None:
    """Put settings back over those of a checkpoint; the learning rate goes on where its schedule is.

    Where they are those of the checkpoint, nothing changes.
    """
    for number, (group, settings) in enumerate(zip(optimizer.param_groups, given, strict=True)):
        before, rate = group.get("initial_lr", group["lr"]), settings["lr"]
        if isinstance(schedule, LambdaLR):
            now = rate * schedule.lr_lambdas[number](schedule.last_epoch)
        else:
            now = group["lr"] if rate == before else group["lr"] * (rate / before)
        group.update(settings, lr=now)
        if schedule is not None:
            group["initial_lr"] = schedule.base_lrs[number] = rate
        if group.get("fused"):  # counts its steps on the device, where another optimizer's checkpoint has them not
            for parameter in group["params"]:
                state = optimizer.state[parameter]
                state.update({name: count.to(parameter.device) for name, count in state.items() if name == "step"})
