"""CRC-32C, the checksum of TensorBoard's records, a block of bytes at a time."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed
_BLOCK = 512


def masked_crc32c(data: bytes) -> int:
    """The checksum of a record: the CRC-32C, rotated right by 15 bits, plus a constant (TensorFlow,
    `lib/hash/crc32c.h`), so that a checksum of data that holds checksums stays a good one."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The remainder of `data` by Castagnoli's polynomial, as RFC 3720 (appendix B.4) defines it.

    It is linear in the bits of the data, so each byte adds (by exclusive or) what it would give alone with
    the right number of zeros behind it, and these are looked up for a whole block at once.
    """
    table, offsets = _table()
    crc = 0xFFFFFFFF
    for start in range(0, len(data), _BLOCK):
        block = np.frombuffer(data[start : start + _BLOCK], np.uint8).astype(np.intp)
        for k in range(min(4, len(block))):  # the checksum so far enters with the first four bytes
            block[k] ^= crc & 0xFF
            crc >>= 8
        block += offsets[_BLOCK - len(block) :]
        crc ^= int(np.bitwise_xor.reduce(table.take(block)))
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
    """What byte b gives with k zero bytes behind it, at 256 k + b; and 256 k for each byte of a block."""
    table = np.empty((_BLOCK, 256), np.uint32)
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = np.where(row & 1, row >> 1 ^ np.uint32(_POLYNOMIAL), row >> 1).astype(np.uint32)
    table[0] = row
    for k in range(1, _BLOCK):
        table[k] = table[k - 1] >> 8 ^ table[0][table[k - 1] & 0xFF]
    return table.ravel(), np.arange(_BLOCK - 1, -1, -1, dtype=np.intp) * 256
