"""A vocoder's model: where it comes from, where it computes and how precisely."""

import os
from contextlib import AbstractContextManager
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import torch

from audiodiff.bundle.for_mel import bundle_for, load_for
from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.hub import push_bundle, write_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder
from audiodiff.defaults import on_processor
from audiodiff.diffusion import Sampler, Times, tempered
from audiodiff.diffusion.grids import check_grid
from audiodiff.engine import accelerated, compiled
from audiodiff.engine.memory import keep_freed_memory
from audiodiff.engine.precision import Precision, autocast, chosen_dtype
from audiodiff.errors import BundleError, ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import DiffusionModel, SamplingPlan
from audiodiff.streaming.inputs import spec_of, whole_number
from audiodiff.types import Hertz, Samples, Temperature

_PRECISIONS: dict[torch.dtype, Precision | torch.dtype] = {
    torch.float16: torch.float16,
    torch.bfloat16: "bf16",
    torch.float32: "fp32",
}


class LoadedVocoder:
    """The model of a vocoder, its facts, its device and its precision."""

    def __init__(self, bundle: Bundle) -> None:
        if not isinstance(bundle.model, DiffusionModel):
            raise BundleError(f"{bundle.name} is a generator, it takes no mels: use Generator, or `audiodiff generate`")
        keep_freed_memory()
        self.name, self._bundle = bundle.name, bundle
        self.model = bundle.model.requires_grad_(False)
        self._compiled, self._built = False, None
        self._dtype: Precision | torch.dtype = "fp32"
        self._siblings: dict[MelSpec, Self] = {}

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] = DEFAULT_VOICE,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        mel: MelSpec | str | None = None,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Load a bundle by its folder, by name one that ships with audiodiff, or one of the hub as `user/repo`.

        `mel` is the convention, by name or as a `MelSpec`, that a voice for every mel is to speak: see `for_mel`.
        `revision` is a branch, a tag or a commit of the hub's repository, `token` one that may read it, `cache_dir`
        where its files are kept; all three as in huggingface_hub.

        `precision` is that of the networks' products, see `audiodiff.engine.precision`: "auto" is bf16 where the
        device has instructions for it, otherwise fp32, and "tf32" is for GPUs. Raises `BundleError` for a model that
        is not there or damaged, `ConfigError` for an unknown device or precision.
        """
        folder = bundle_folder(model, revision=revision, token=token, cache_dir=cache_dir)
        vocoder = cls(load_bundle(folder) if mel is None else load_for(folder, spec_of(mel))).to(device)
        chosen_dtype(precision, torch.device(device))
        vocoder._dtype = precision
        return vocoder

    def for_mel(self, mel: MelSpec | str) -> Self:
        """The same voice for mels of another convention, at its rate and hop; the same one whenever it is asked for.

        All weights are shared, and so are device, precision and compilation: what is chosen for one of these voices
        holds for all of them. Raises `ConfigError` for an unknown name or what is no convention, and as `bundle_for`
        does.
        """
        spec = spec_of(mel)
        if spec == self.mel_spec:
            return self
        if spec not in self._siblings:
            sibling = type(self)(bundle_for(self._bundle, spec))
            sibling._dtype, sibling._compiled, sibling._siblings = self._dtype, self._compiled, self._siblings
            self._siblings |= {self.mel_spec: self, spec: sibling}
        found = self._siblings[spec]
        if any(buffer.device != self.device for buffer in found.model.buffers()):  # Lightning moves one model alone
            found.model.to(self.device)
        return found

    @property
    def _family(self) -> list[Self]:
        """The voices that share these weights, this one among them."""
        return list(self._siblings.values()) or [self]

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write the bundle to a folder that is new or holds one; raises `OutputError` otherwise."""
        return write_bundle(self._bundle, Path(folder))

    def push_to_hub(self, repo: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the bundle and its model card to `user/repo`; return the commit's address: see `bundle.hub`."""
        return push_bundle(self._bundle, repo, private=private, token=token)

    @property
    def sample_rate(self) -> Hertz:
        """Of the waveforms, in hertz."""
        return self.mel_spec.sample_rate

    @property
    def hop_length(self) -> Samples:
        """Number of samples that every frame of a mel becomes."""
        return self.mel_spec.hop_length

    @property
    def n_mels(self) -> int:
        """Number of bands of a mel."""
        return self.mel_spec.n_mels

    @property
    def mel_spec(self) -> MelSpec:
        """The convention of the mels that the model was trained on."""
        return self.model.mel

    @property
    def n_steps(self) -> int:
        """Number of network steps that are taken unless a call says otherwise by its `n_steps`."""
        return self._bundle.n_steps

    @property
    def receptive_field(self) -> Samples:
        """Number of samples that a sample depends on at every network call, itself among them; computed."""
        return self.model.receptive_field

    @property
    def device(self) -> torch.device:
        """Device that the model computes on."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the networks' products; transforms, noise and waveforms are always in float32."""
        return self._dtype if isinstance(self._dtype, torch.dtype) else chosen_dtype(self._dtype, self.device)

    @property
    def config(self) -> dict[str, Any]:
        """A copy of the tree of constructors that config.json holds; empty for a model that came from no bundle."""
        return deepcopy(self._bundle.config)

    def __repr__(self) -> str:
        return (
            f"Vocoder({self.name!r}, sample_rate={self.sample_rate}, n_mels={self.n_mels}, "
            f"hop_length={self.hop_length}, n_steps={self.n_steps}, device={str(self.device)!r}, dtype={self.dtype})"
        )

    def half(self) -> Self:
        """Let the networks compute in float16; transforms, noise and waveforms stay in float32."""
        return self.to(torch.float16)

    def bfloat16(self) -> Self:
        """Let the networks compute in bfloat16; transforms, noise and waveforms stay in float32."""
        return self.to(torch.bfloat16)

    def float(self) -> Self:
        """Let the networks compute in float32 again."""
        return self.to(torch.float32)

    def cuda(self, device: int | None = None) -> Self:
        """Move the model to a GPU; raises `ConfigError` where there is none."""
        return self.to("cuda" if device is None else torch.device("cuda", device))

    def cpu(self) -> Self:
        """Move the model to the processor."""
        return self.to("cpu")

    def eval(self) -> Self:
        """The vocoder as it is: it never trains."""
        return self

    def compile(self) -> Self:
        """Have the networks compiled at their first call, for all lengths; this takes a C or C++ compiler.

        On a processor the denoising network, and the iterations below one kilohertz, become functions in C, in a second
        or two; the default voice then takes about half the time (docs/speed_default_voice.md). On a GPU a `DiffWave`
        gets fused blocks and CUDA graphs, never yet run on one: see docs/speed_gpu.md first. The first call raises
        `ConfigError`, or torch's own error, where no compiler can.
        """
        for voice in self._family:
            voice._compiled = True
        return self

    def to(
        self, device: torch.device | torch.dtype | str | int | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Move the model, choose its precision, or both, as `torch.nn.Module.to` does.

        The weights stay in float32: `.to(torch.float16)` is `.half()`. Those that `for_mel` gave move along. Raises
        `ConfigError` for a device that is not there and for a dtype besides float32, float16 and bfloat16.
        """
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        if dtype is not None and dtype not in _PRECISIONS:
            raise ConfigError(f"no vocoder computes in {dtype}: choose one of {', '.join(map(str, _PRECISIONS))}")
        if device is not None:
            try:
                torch.empty(1, device=device).cpu()  # which "meta" cannot do, as it computes nothing
                for voice in self._family:
                    voice.model.to(device)
            except (RuntimeError, AssertionError) as error:
                raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        if dtype is not None:
            for voice in self._family:
                voice._dtype = _PRECISIONS[dtype]
        return self

    def sampler(self, name: str | None = None) -> Sampler:
        """The sampler of that name, or the model's own; raises `ConfigError` for an unknown one."""
        return self._bundle.sampler_named(name)

    @on_processor()
    def times(self, n_steps: int | None = None) -> Times:
        """The grid for a number of network steps: one tuned for it, else the model's own or a uniform one."""
        if n_steps is not None and (n_steps := whole_number(given := n_steps)) is None:
            raise ConfigError(f"got n_steps={given!r:.60}: expected a whole number; a grid is given as times")
        return self._bundle.times(n_steps)

    @on_processor()
    def _plan(
        self, n_steps: int | None, times: Times | None, sampler: str | None, temperature: Temperature = 1.0
    ) -> SamplingPlan:
        chosen = tempered(self.sampler(sampler), temperature)
        if times is None:
            return {"sampler": chosen, "times": self.times(n_steps)}
        if n_steps is not None:
            raise ConfigError("got n_steps and times: the times are a grid, which has its own number of steps")
        check_grid(self.model.denoiser.schedule, times)
        return {"sampler": chosen, "times": times}

    @property
    def _fast(self) -> DiffusionModel:
        """The same model for inference where it is now: chosen anew once it was moved, by whomever."""
        if self._built is None or self._built[0] != (self.device, self._compiled):
            build = compiled if self._compiled else accelerated
            self._built = (self.device, self._compiled), build(self.model)
        return self._built[1]

    def _precision(self) -> AbstractContextManager[object]:
        return autocast(self._dtype, self.device)
