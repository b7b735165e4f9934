"""How Lightning writes a checkpoint: whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from descentlab.runs.files import write_whole


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's way to write checkpoints, through a temporary file that takes its name when it is whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        content = io.BytesIO()
        torch.save(checkpoint, content)
        path = Path(path)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, content.getvalue())
