#!/usr/bin/env python3
"""Prints weights_hash and state_hash of a checkpoint directory, from its files alone."""
import hashlib, json, os, struct, sys


def tensors(path):
    """Yields (name, dtype, shape, bytes) of a safetensors file."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                file.seek(8 + length + begin)
                yield name, entry["dtype"], entry["shape"], file.read(end - begin)


def main(directory):
    manifest = json.load(open(os.path.join(directory, "manifest.json")))
    weights = {t["name"] for t in manifest["tensors"] if t["kind"] != "STATISTIC"}
    found = [t for file in manifest["files"] for t in tensors(os.path.join(directory, file["name"]))]
    for label, chosen in ("weights_hash", [t for t in found if t[0] in weights]), ("state_hash", found):
        sha = hashlib.sha256()
        for name, dtype, shape, data in sorted(chosen, key=lambda t: t[0].encode()):
            sha.update(b"\0".join([name.encode(), dtype.encode(), ",".join(map(str, shape)).encode(), data]))
        print(label, sha.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
