"""Banyan's random numbers and order of the data in Python, written from their headers alone.

common/random/random_key.h, random.h and permutation.h say what is computed; nothing here is bound to that code, so a
run that agrees shows that the headers tell the truth. XXH3 comes from libxxhash, which Banyan is built with.
"""

import ctypes
import ctypes.util
import struct

import numpy

DROPOUT, SHUFFLE = 2, 3  # of RandomPurpose
MASK_32, MASK_64 = (1 << 32) - 1, (1 << 64) - 1

_library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
_library.XXH3_64bits.restype = ctypes.c_uint64
_library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def xxh3(data):
    return _library.XXH3_64bits(data, len(data))


def stream(purpose, step, name):
    name_hash = xxh3(name.encode()) if name else 0
    return xxh3(struct.pack("<QQQ", purpose, step, name_hash))


def uint32(seed, key_stream, count):
    """Elements 0 .. count-1 of a sequence: Philox4x32-10 of block b is elements 4b .. 4b+3."""
    blocks = numpy.arange((count + 3) // 4, dtype=numpy.uint64)
    low, shift = numpy.uint64(MASK_32), numpy.uint64(32)
    word = [blocks & low, blocks >> shift, numpy.full_like(blocks, key_stream & MASK_32),
            numpy.full_like(blocks, key_stream >> 32)]
    key = [seed & MASK_32, seed >> 32]
    for _ in range(10):
        product = [word[0] * numpy.uint64(0xD2511F53), word[2] * numpy.uint64(0xCD9E8D57)]
        word = [(product[1] >> shift) ^ word[1] ^ numpy.uint64(key[0]), product[1] & low,
                (product[0] >> shift) ^ word[3] ^ numpy.uint64(key[1]), product[0] & low]
        key = [(key[0] + 0x9E3779B9) & MASK_32, (key[1] + 0xBB67AE85) & MASK_32]
    return numpy.stack(word, axis=1).reshape(-1)[:count]


def keeps(seed, step, layer, rate, count):
    """True for each element of a step's whole batch that the dropout of `layer` keeps."""
    threshold = min(int(rate * 2**32 + 0.5), MASK_32)
    return uint32(seed, stream(DROPOUT, step, layer), count) >= threshold


class Permutation:
    """The order of an epoch's samples: a Feistel network, walked until it falls below `size`."""

    def __init__(self, seed, epoch, size):
        words = [int(word) for word in uint32(seed, stream(SHUFFLE, epoch, ""), 16)]
        self.keys = [words[2 * r] | words[2 * r + 1] << 32 for r in range(8)]
        self.size, self.bits = size, max(8, (size - 1).bit_length())

    def __call__(self, position):
        value = self._encrypt(position)
        while value >= self.size:
            value = self._encrypt(value)
        return value

    def _encrypt(self, value):
        left_bits, right_bits = self.bits // 2, self.bits - self.bits // 2
        left, right = value >> right_bits, value & ((1 << right_bits) - 1)
        for key in self.keys:
            mixed = (right + key) & MASK_64
            mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK_64
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK_64
            left, right = right, left ^ ((mixed ^ (mixed >> 31)) >> (64 - left_bits))
            left_bits, right_bits = right_bits, left_bits
        return left << right_bits | right


def samples_of_step(seed, step, batch, samples):
    """Ids of the training samples of a step, from 1, of `batch` samples; `samples` are there in all."""
    line = range((step - 1) * batch, step * batch)
    orders = {epoch: Permutation(seed, epoch, samples) for epoch in {g // samples for g in line}}
    return [orders[g // samples](g % samples) for g in line]
