"""Write manifests for a data set of the Hugging Face library `datasets`.

    python recipes/huggingface/prepare.py user/name --speaker speaker_id --text text --out data/name
    python recipes/huggingface/prepare.py FOLDER    # that `save_to_disk` wrote, or a folder of audio with metadata

The splits are the data set's own where it has train, validation and test, else those of recipes/folder.
"""

import argparse
from pathlib import Path

from audiodiff.data.hub_datasets import Columns, load, recordings_of
from audiodiff.data.recipe import DEVELOPMENT, prepare, report
from audiodiff.errors.sentences import boundary


def main() -> None:
    """Read the command line, load the data set and write its manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="a name on the hub, or a folder")
    parser.add_argument("--config", help="which of its configurations")
    parser.add_argument("--audio", default="audio", help="the column of the sound")
    parser.add_argument("--text", help="the column of the words")
    parser.add_argument("--speaker", help="the column of the speaker")
    parser.add_argument("--out", type=Path, default=Path("data/huggingface"), help="where the manifests go")
    parser.add_argument("--overwrite", action="store_true", help="replace the manifests of another corpus")
    parser.add_argument("--debug", action="store_true", help="show where in the code an error came from")
    given = parser.parse_args()

    def command() -> None:
        columns = Columns(audio=given.audio, text=given.text, speaker=given.speaker)
        found = list(recordings_of(load(given.dataset, given.config), columns, given.out))
        report(prepare(found, given.out, most=DEVELOPMENT, overwrite=given.overwrite), given.out)

    boundary(command, debug=given.debug)


if __name__ == "__main__":
    main()
