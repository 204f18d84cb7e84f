"""Every member of every group: listing one here puts it under all laws."""

from functools import partial

from audiodiff.diffusion import (
    EDM,
    VE,
    VP,
    CosineBetas,
    EDMPrediction,
    EpsPrediction,
    LinearBetas,
    ScorePrediction,
    SigmoidBetas,
    StraightPath,
    SubVP,
    VelocityPrediction,
    VPrediction,
    X0Prediction,
    ZeroTerminalSNR,
    ancestral,
    ddim,
    dpmpp_2m,
    dpmpp_2s,
    dpmpp_3m,
    edm_stochastic,
    heun,
    karras,
    log_snr_uniform,
    quadratic,
    restart,
    uniform,
    unipc,
)

DIFFWAVE = LinearBetas(first=1e-4, last=0.05, n_steps=50)

SCHEDULES = {
    "ddpm": LinearBetas(first=1e-4, last=0.02, n_steps=1000),
    "diffwave_50": DIFFWAVE,
    "diffwave_200": LinearBetas(first=1e-4, last=0.02, n_steps=200),
    "wavegrad": LinearBetas(first=1e-6, last=0.01, n_steps=1000),
    "cosine": CosineBetas(n_steps=1000),
    "sigmoid": SigmoidBetas(first=1e-4, last=0.02, n_steps=1000),
    "diffwave_50_zero_snr": ZeroTerminalSNR(schedule=DIFFWAVE),
    "vp": VP(),
    "sub_vp": SubVP(),
    "ve": VE(),
    "edm": EDM(),
    "straight": StraightPath(),
}

PREDICTIONS = {
    "eps": EpsPrediction(),
    "x0": X0Prediction(),
    "v": VPrediction(),
    "velocity": VelocityPrediction(),
    "score": ScorePrediction(),
    "edm": EDMPrediction(sigma_data=0.5),
}

DETERMINISTIC = {
    "ddim": ddim,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_polynomial": partial(dpmpp_2m, guess="polynomial"),
    "dpmpp_2s": dpmpp_2s,
    "dpmpp_3m": dpmpp_3m,
    "dpmpp_3m_polynomial": partial(dpmpp_3m, guess="polynomial"),
    "unipc_1": partial(unipc, order=1),
    "unipc_2": unipc,
    "unipc_3": partial(unipc, order=3),
    "unipc_3_bh1": partial(unipc, order=3, variant="bh1"),
}

STOCHASTIC = {
    "ancestral": ancestral,
    "ancestral_large": partial(ancestral, variance="large"),
    "ddim_half": partial(ddim, eta=0.5),
    "ddim_full": partial(ddim, eta=1.0),
    "dpmpp_2m_sde": partial(dpmpp_2m, eta=1.0),
    "dpmpp_2m_half": partial(dpmpp_2m, eta=0.5),
    "dpmpp_3m_sde": partial(dpmpp_3m, eta=1.0),
    "dpmpp_3m_sde_polynomial": partial(dpmpp_3m, eta=1.0, guess="polynomial"),
    "dpmpp_sde": partial(dpmpp_2s, eta=1.0),
    "edm_stochastic": partial(edm_stochastic, noise_scale=1.0),
    "restart": partial(restart, low=0.05, high=0.8),
}

SAMPLERS = DETERMINISTIC | STOCHASTIC

GRIDS = {"uniform": uniform, "quadratic": quadratic, "log_snr": log_snr_uniform, "karras": karras}
