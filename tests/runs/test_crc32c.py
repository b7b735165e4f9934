"""CRC-32C against the published value and TensorBoard's own loop."""

import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as masked_by_tensorboard

from descentlab.runs.crc32c import crc32c, masked_crc32c


@pytest.mark.parametrize(
    ("data", "checksum"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
    ids=["check value", "32 zeros", "32 ones"],
)
def test_gives_the_values_of_rfc_3720(data, checksum):
    assert crc32c(data) == checksum


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 511, 512, 513, 515, 516, 1024, 1500])
def test_agrees_with_tensorboard_at_every_length_around_a_block(size):
    data = bytes((7 * k + size) % 256 for k in range(size))
    assert masked_crc32c(data) == masked_by_tensorboard(data)
