"""A run as it is watched: lines, the log, the time that is left, and metrics in the units of the docs."""

import io
import logging
import time

import lightning as L
import pytest
import torch
from rich.console import Console

from audiodiff.training.amounts import amount, duration, metrics
from audiodiff.training.preview import means
from audiodiff.training.quiet import quiet_lightning
from audiodiff.training.watch import Watch
from tests.training.toys import run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations


class Slow(L.Callback):
    """Makes every step last as long."""

    def on_train_batch_end(self, *_) -> None:
        time.sleep(0.02)


def test_lines_and_log_say_steps_loss_speed_time_left_and_metrics(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("audiodiff.training.watch._FIRST", 0.05)
    watch = Watch(log=str(tmp_path / "train.log"), every=0.05)
    watch.notes = ["init_from=somewhere: took 3 tensors"]
    with quiet_lightning():
        run(tmp_path, watch, Slow(), steps=12)
    said, kept = capsys.readouterr(), (tmp_path / "train.log").read_text()
    assert "6 of 6 parameters learn; steps 0 to 12 on cpu" in said.out
    assert "step 4: validation loss " in said.out
    assert " steps/s  " in said.out
    assert " left\n" in said.out
    assert "step 12, loss " in said.out
    for line in (*said.out.splitlines(), *watch.notes):
        assert line in kept
    assert "litlogger" not in said.out + said.err
    assert "GPU available" not in said.out + said.err


def test_in_a_terminal_one_bar_covers_the_whole_run(tmp_path):
    screen = io.StringIO()
    watch = Watch(log=str(tmp_path / "train.log"))
    watch.console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    run(tmp_path, watch, Slow(), steps=40)
    assert "/40" in screen.getvalue()
    assert "left" in screen.getvalue()
    assert watch.bar is None, "it is put away at the end"


def test_a_failure_is_kept_in_the_log(tmp_path):
    class Fails(L.Callback):
        def on_train_batch_start(self, trainer, *_) -> None:
            if trainer.global_step == 2:
                raise RuntimeError("the power went off")

    with pytest.raises(RuntimeError):
        run(tmp_path, Watch(log=str(tmp_path / "train.log")), Fails(), steps=4)
    assert "step 2: RuntimeError the power went off" in (tmp_path / "train.log").read_text()


class Asks(L.Callback):
    """Keeps what is said to be left after every step."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.left = watch, []

    def on_train_batch_end(self, trainer, *_) -> None:
        self.left.append(self.watch.left(trainer))


@pytest.mark.parametrize(
    ("options", "speed", "least", "most"),
    [
        ({"max_time": "00:01:00:00"}, 0.0005, 3000, 3600),  # the hour ends before three more steps of 2000 s
        ({"max_time": "00:01:00:00"}, 0.5, 6, 6),
        ({}, 0.0005, 6000, 6000),
    ],
)
def test_the_time_that_is_left_follows_steps_and_max_time(options, speed, least, most, tmp_path, monkeypatch):
    watch = Watch(log=str(tmp_path / "train.log"))
    monkeypatch.setattr(watch, "speed", lambda: speed)
    run(tmp_path, watch, asks := Asks(watch), steps=4, **options)
    assert least <= asks.left[0] <= most


def test_lightning_is_only_quiet_meanwhile():
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before = logger.getEffectiveLevel()
    with quiet_lightning():
        assert logger.getEffectiveLevel() == logging.WARNING
    assert logger.getEffectiveLevel() == before


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (amount(83_201), "83.2 k"),
        (amount(4_300_000), "4.3 M"),
        (amount(7), "7"),
        (duration(59.6), "1 min 00 s"),
        (duration(11_100.0), "3 h 05 min"),
        (duration(200_000.0), "2 d 7 h"),
        (metrics({"loss": 0.5, "likelihood": -8.0}), "likelihood -8, loss 0.5"),
        (
            metrics({"loss": 0.84, "mel": 0.1, "log_mel": 0.11701, "mr_stft": 0.75, "pre_echo": 11.5}),
            "loss 0.84, log-mel 0.117 nats, MR-STFT 0.75; pre-echo +11.5 dB",
        ),
        (
            metrics({"residual_crest": -0.3, "pulse_depth_1k": 1.25, "pulse_depth_2k": 2.0, "mr_stft": 1.0}),
            "MR-STFT 1; crest -0.3, pulse depth +1.2 / +2.0 dB",
        ),
    ],
)
def test_numbers_are_for_people(found, said):
    assert found == said


def test_the_mean_of_a_measure_is_over_the_clips_of_all_processes_that_have_it():
    """Another process adds a clip with 7."""
    found = [{"sharp": 1.0}, {}, {"sharp": 3.0}]
    assert means(found, ("sharp", "never"), lambda sums: sums) == {"sharp": 2.0}
    other = torch.tensor([[7.0, 1.0], [0.0, 0.0]])
    assert means(found, ("sharp", "never"), lambda sums: sums + other) == {"sharp": pytest.approx(11 / 3)}
