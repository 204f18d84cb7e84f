"""A recording in, an edited one out: what all of `audiodiff edit` share."""

from dataclasses import dataclass
from pathlib import Path

import typer

from audiodiff.audio import load_audio, save_audio
from audiodiff.errors import OutputError
from audiodiff.generation.editing import Editor
from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator
from audiodiff.generation.requests import ConditionRequest
from audiodiff.types import Hertz, Wave


@dataclass(frozen=True)
class EditSession:
    """An editor with its reader and its writer."""

    editor: Editor

    @classmethod
    def of(
        cls, model: str | None, label: str | None, speaker: str | None, guidance: float, steps: int, seed: int
    ) -> "EditSession":
        """Load the generator; it is told what is known, and nothing where nothing is."""
        request = ConditionRequest(
            label=label, speaker=speaker, unconditional=label is None and speaker is None, draw=False
        )
        generator = Generator.from_pretrained(model or DEFAULT_GENERATOR)
        return cls(Editor(generator=generator, request=request, guidance=guidance, n_steps=steps, seed=seed))

    @property
    def sample_rate(self) -> Hertz:
        """The generator's, to which recordings are resampled."""
        return self.editor.generator.sample_rate

    def read(self, file: Path) -> Wave:
        """A recording as a batch of one."""
        return load_audio(file, self.sample_rate).unsqueeze(0)

    def write(self, out: Path, waves: Wave) -> None:
        """Write the one clip of a batch; raises `OutputError` rather than replace a file."""
        if out.exists():
            raise OutputError(f"{out} is there already: choose another name, or remove it")
        save_audio(out, waves[0], self.sample_rate)
        typer.echo(f"{out}: {waves.shape[1] / self.sample_rate:.2f} s")
