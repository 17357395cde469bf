"""Large tagged WAV files of an exact size, written faster than any encoder makes audio. Standard library only."""

import random
import struct

RATE_HZ, CHANNELS, BYTES_PER_SAMPLE = 96_000, 2, 3
BLOCK = CHANNELS * BYTES_PER_SAMPLE


def id3v2(recording, artist, title):
    """An ID3v2.3 tag with the recording's MBID, as MusicBrainz Picard writes it."""
    def frame(name, body):
        return name + struct.pack(">IH", len(body), 0) + body
    frames = frame(b"UFID", b"http://musicbrainz.org\0" + recording.encode())
    frames += frame(b"TPE1", b"\0" + artist.encode("latin-1")) + frame(b"TIT2", b"\0" + title.encode("latin-1"))
    frames += b"\0" * (len(frames) % 2)
    size = len(frames)
    synchsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + synchsafe + frames


def write_big_wav(path, size, recording, seed, artist="Artist", title="Title"):
    """Noise of 24 bits and 96 kHz; `size` in bytes is even and holds the headers. The same seed gives the same file."""
    tag = id3v2(recording, artist, title)
    samples = size - 12 - 24 - 8 - 8 - len(tag)
    # What is left of a block goes behind the tag as its padding.
    spare = samples % BLOCK
    tag += b"\0" * spare
    samples -= spare
    if samples < BLOCK or size % 2:
        raise ValueError(f"no WAV file of {size} bytes can be made")
    noise = random.Random(seed).randbytes((1 << 20) // BLOCK * BLOCK)
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", size - 8) + b"WAVE")
        file.write(b"fmt " + struct.pack("<IHHIIHH", 16, 1, CHANNELS, RATE_HZ, RATE_HZ * BLOCK, BLOCK, 8 * BYTES_PER_SAMPLE))
        file.write(b"data" + struct.pack("<I", samples))
        written = 0
        while written < samples:
            # The number makes each part, and so each leaf hash of it, another one.
            part = struct.pack(">Q", written) + noise[8:]
            file.write(part[:samples - written])
            written += min(len(part), samples - written)
        file.write(b"id3 " + struct.pack("<I", len(tag)) + tag)
