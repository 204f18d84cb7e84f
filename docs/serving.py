"""A server of live voices: mel frames in over a WebSocket, sound out as it is finished.

uvicorn --app-dir docs serving:app --port 8000
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from audiodiff import Vocoder
from audiodiff.errors import AudiodiffError

WORKERS = int(os.environ.get("WORKERS", "2"))
STREAMS = int(os.environ.get("STREAMS", "8"))

torch.set_num_threads(1)  # streams run side by side, each on one thread
vocoder = Vocoder.from_pretrained(os.environ.get("MODEL", "ljspeech-fast"))
workers = ThreadPoolExecutor(WORKERS)
open_streams = 0
app = FastAPI()


@app.get("/")
async def facts() -> dict[str, int]:
    """Facts that a client has to know."""
    return {"sample_rate": vocoder.sample_rate, "n_mels": vocoder.n_mels, "latency": vocoder.latency(n_steps=1)}


@app.websocket("/speak")
async def speak(socket: WebSocket, seed: int = 0) -> None:
    """Take messages of float32 [frames, n_mels], answer each by 16-bit samples; an empty message ends the mel."""
    global open_streams
    await socket.accept()
    if open_streams >= STREAMS:
        await socket.close(1013, "too many streams, come again later")
        return
    open_streams += 1
    try:
        stream, work = vocoder.stream(seed=seed, n_steps=1), asyncio.get_running_loop().run_in_executor
        while message := await socket.receive_bytes():
            mel = np.frombuffer(message, "<f4").reshape(-1, vocoder.n_mels).T
            await socket.send_bytes(pcm(await work(workers, stream.feed, mel)))
        await socket.send_bytes(pcm(await work(workers, stream.flush)))
        await socket.close()
    except (AudiodiffError, ValueError) as error:
        await socket.close(1007, str(error)[:120])
    except WebSocketDisconnect:
        pass
    finally:
        open_streams -= 1


def pcm(wave: np.ndarray) -> bytes:
    """Samples as 16-bit integers."""
    return (wave.clip(-1, 1) * 32767).astype("<i2").tobytes()
