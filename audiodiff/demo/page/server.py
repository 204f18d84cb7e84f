"""The page as a whole, and the server that serves it and nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from gradio.themes import Default
from starlette.middleware import Middleware

from audiodiff.demo.limits import Limits
from audiodiff.demo.page.bounds import BoundedRequests
from audiodiff.demo.page.compare_tab import CompareTab
from audiodiff.demo.page.generate_tab import GenerateTab
from audiodiff.demo.page.speak_tab import SpeakTab
from audiodiff.demo.page.vocode_tab import VocodeTab
from audiodiff.demo.speech import Speaker
from audiodiff.generation.generator import Generator
from audiodiff.vocoder import Vocoder

STYLE = """
figure.sound { margin: 0.5em 0; background: white; color: black; }
figure.sound figcaption { font-weight: bold; padding: 0.3em; }
figure.sound div { display: flex; align-items: center; }
figure.sound img { min-width: 0; flex: 1; }
"""
CLEANING = (600, 3600)
"""Every so many seconds files older than so many seconds are deleted."""


def make_page(
    voices: Mapping[str, Vocoder], generator: Generator | None, speaker: Speaker | str, limits: Limits
) -> gr.Blocks:
    """All tabs; `speaker` is the reason where nothing can speak."""
    with gr.Blocks(title="audiodiff", analytics_enabled=False, delete_cache=CLEANING) as page:
        gr.Markdown("# audiodiff\nDiffusion vocoders, to listen to.")
        VocodeTab(voices, limits).build()
        CompareTab(voices, limits).build()
        if generator is not None:
            GenerateTab(generator, limits).build()
        SpeakTab(voices, speaker, limits).build()
    return page


def serve(page: gr.Blocks, host: str, port: int | None, limits: Limits) -> str:
    """Start serving in the background, and return the address; without `port` the first free one from 7860."""
    page.queue(max_size=limits.waiting, api_open=False)
    bounds = Middleware(BoundedRequests, folder=Path(os.environ["GRADIO_TEMP_DIR"]), limits=limits)
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=False,
        quiet=True,
        prevent_thread_lock=True,
        show_error=False,
        max_file_size=limits.upload,
        app_kwargs={"middleware": [bounds]},
        state_session_capacity=limits.sessions,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        footer_links=["api"],
        theme=Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),  # fetched from nobody
        css=STYLE,
    )
    return address
