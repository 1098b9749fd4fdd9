"""What a scheduled loss has more than another: the epoch, and what follows it."""

from __future__ import annotations

from collections.abc import Sequence

from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import definition, folded, indented, number
from lossc.compiler.schedules import NumberSchedule, SchedulePlan

_CHECK = 'check_number("epoch", epoch, 0, float("inf"), True, False, True)'
_CHECK_STEP = 'check_number("step", step, 0, float("inf"), True, False, True)'


def scheduled_names(schedules: SchedulePlan | None, signature: Signature) -> dict[str, str]:
    """The attributes that follow the epoch: their Python names, by name."""
    numbers = schedules.numbers if schedules is not None else ()
    return {each.of: signature.params.get(each.of, each.of) for each in numbers}


def schedule_init(schedules: SchedulePlan, first: str | None, options: Sequence[str]) -> list[str]:
    """Statements of ``__init__``.

    Args:
        schedules: What is scheduled.
        first: The class of the loss of the first epochs.
        options: Arguments of ``__init__`` that it takes as well.
    """
    lines = []
    if first is not None:
        passed = [f"{name}={name}" for name in options]
        lines += definition(f"self.first = {first}", passed, "", 0)
    lines += [
        'self.register_buffer("epoch", torch.tensor(-1, dtype=torch.long))',
        "hook = follow_loaded_epoch",
        "self.register_load_state_dict_post_hook(hook)  # type: ignore[no-untyped-call]",
        "self.follow(-1)",
    ]
    if schedules.of_steps:
        lines += [
            'self.register_buffer("steps", torch.tensor(-1, dtype=torch.long))',
            "hook = follow_loaded_step",
            "self.register_load_state_dict_post_hook(hook)  # type: ignore[no-untyped-call]",
            "self.follow_step(-1)",
        ]
    return lines


def schedule_forward(schedules: SchedulePlan | None, signature: Signature) -> list[str]:
    """The first statements of ``forward``."""
    if schedules is None:
        return []
    warmup = schedules.warmup
    lines = []
    if warmup is not None or schedules.of_epochs:
        lines.append("check_told(self.told, self.training)")
    if schedules.of_steps:
        lines.append("check_told_step(self.told_step, self.training)")
    if warmup is None:
        return lines
    names = signature.arguments
    comma = "," if len(signature.inputs) == 1 else ""
    passed = ["None" if ours is None else signature.inputs[ours] for _, ours in warmup.matched]
    return [
        *lines,
        f"if self.warming:  # {warmup}",
        f"    {names}{comma} = self.prepare({names})",
        *definition("    return self.first.forward", passed, "", 0),
    ]


def schedule_doc(schedules: SchedulePlan | None, width: int) -> list[str]:
    """What the docstring of the class says of it."""
    if schedules is None:
        return []
    called = "With the epoch (``set_epoch``)"
    if schedules.of_steps:
        both = schedules.warmup is not None or schedules.of_epochs
        called = "With the step (``set_step``)" if not both else f"{called} and ``set_step``"
    line = f"{called} changes: {schedules}."
    return [*folded(line, width), ""]


def set_epoch_lines(
    schedules: SchedulePlan | None,
    signature: Signature,
    passed: Sequence[str] = (),
    follows: Sequence[str] = (),
) -> list[str]:
    """The method ``set_epoch``, which every loss has, and what a scheduled one does with it.

    Args:
        schedules: What is scheduled.
        signature: The names of the loss.
        passed: Statements that tell the epoch to parts of it.
        follows: Statements that pass on what has changed.
    """
    head = "def set_epoch(self, epoch: int) -> None:"
    if schedules is None and passed:
        doc = '"""To be called at the start of each epoch with its number, from 0."""'
        return [head, *indented([doc, _CHECK, *passed], 4)]
    if schedules is None:
        doc = (
            '"""For training loops that tell every loss the epoch; this one is the same in all."""'
        )
        return [head, *indented([doc, _CHECK], 4)]
    doc = '"""To be called at the start of each epoch with its number, from 0."""'
    steps = ["self.epoch.fill_(epoch)", "self.follow(epoch)", *passed]
    told = [head, *indented([doc, _CHECK, *steps], 4)]
    body = ['"""Sets what changes; below 0, to what it is after the last change."""']
    body.append("self.told = epoch >= 0")
    if schedules.warmup is not None:
        body.append(f"self.warming = 0 <= epoch < {schedules.warmup.epochs}")
    body += _numbers(schedules.of_epochs, "epoch", schedules, signature, follows)
    lines = [*told, "", "def follow(self, epoch: int) -> None:", *indented(body, 4)]
    if not schedules.of_steps:
        return lines
    doc = '"""To be called before each step of the optimiser with its number, from 0."""'
    head = "def set_step(self, step: int) -> None:"
    steps = [doc, _CHECK_STEP, "self.steps.fill_(step)", "self.follow_step(step)"]
    lines += ["", head, *indented(steps, 4)]
    body = ['"""Sets what changes; below 0, to what it is after the last change."""']
    body.append("self.told_step = step >= 0")
    body += _numbers(schedules.of_steps, "step", schedules, signature, follows)
    return [*lines, "", "def follow_step(self, step: int) -> None:", *indented(body, 4)]


def _numbers(
    numbers: Sequence[NumberSchedule],
    unit: str,
    schedules: SchedulePlan,
    signature: Signature,
    follows: Sequence[str],
) -> list[str]:
    """Statements that set what goes by one unit, and pass it on."""
    if not numbers:
        return []
    names = scheduled_names(schedules, signature)
    lines = [f'when = float({unit}) if {unit} >= 0 else float("inf")']
    for each in numbers:
        lines += _follows(each, names[each.of])
    return [*lines, *follows]


def _follows(schedule: NumberSchedule, name: str) -> list[str]:
    arguments = ["when", *(_written(argument) for argument in schedule.arguments)]
    head, tail = f"self.{name} = {schedule.function}", ""
    if schedule.whole:
        head, tail = f"self.{name} = int({schedule.function}", ")"
    return [line[8:] for line in definition(head, arguments, tail, 8)]


def _written(argument: object) -> str:
    if isinstance(argument, tuple):
        listed = ", ".join(_written(each) for each in argument)
        return f"({listed}{',' if len(argument) == 1 else ''})"
    assert isinstance(argument, (int, float))
    return number(argument)
