#!/usr/bin/env python3
"""Pushes pictures and a tone to a feed of ffleet, over its socket.

    feeds:
      studio:
        inputs:
          socket: /run/ffleet/studio.sock
          video: { format: rawvideo, pixel-format: rgb24, size: 640x360, fps: 25 }
          audio: { format: s16le, rate: 48000, channels: 2 }

    python3 push_numpy.py /run/ffleet/studio.sock --seconds 10

Needs Python 3.9 and nothing else; numpy makes the pictures quicker. The bytes are those of
docs/design/frames.md. A connection that breaks is made anew, and times go on. A picture that is due
while the socket takes no more is left out, which is said: of a program that cannot wait, such as one
with a camera, ffleet wants whole frames, and those in time.
"""

import argparse
import math
import socket
import struct
import sys
import time

try:
    import numpy
except ImportError:
    numpy = None

RATE = 48_000
TONE = 440
HAS_GAP = 0x02
END = 0x80


def head(tracks):
    return ("ffleet-frames 1\n" + "".join(f"{track}\n" for track in tracks) + "\n").encode()


def frame(track, flags, micros, payload):
    return struct.pack("<2sBBIq", b"FR", track, flags, len(payload), micros) + payload


def picture(number, width, height):
    """A ramp that moves: RGB, 8 bits, row by row."""
    shift = 4 * number
    if numpy is not None:
        across = (numpy.arange(width) + shift).astype(numpy.uint8)
        down = numpy.arange(height).astype(numpy.uint8)
        pixels = numpy.empty((height, width, 3), numpy.uint8)
        pixels[..., 0] = across
        pixels[..., 1] = down[:, None]
        pixels[..., 2] = 128
        return pixels.tobytes()
    rows = []
    for y in range(height):
        row = bytearray([128]) * (3 * width)
        row[0::3] = bytes((x + shift) & 255 for x in range(width))
        row[1::3] = bytes([y & 255]) * width
        rows.append(bytes(row))
    return b"".join(rows)


def sound(first, count):
    """Samples of two channels, 16 bits, from the one with the number `first` on."""
    turn = 2 * math.pi * TONE / RATE
    if numpy is not None:
        wave = 8_000 * numpy.sin(turn * numpy.arange(first, first + count))
        return numpy.repeat(wave.astype("<i2"), 2).tobytes()
    samples = (int(8_000 * math.sin(turn * at)) for at in range(first, first + count))
    return b"".join(struct.pack("<hh", sample, sample) for sample in samples)


def why(connection):
    """What ffleet said before it closed the connection."""
    try:
        connection.settimeout(1)
        return connection.recv(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def push(connection, options, number, last):
    """Sends pictures from `number` on; answers the next one when the connection breaks."""
    width, height = options.size
    connection.sendall(head([
        f"picture rgb24 {width}x{height} {options.fps}",
        f"sound s16le {RATE} 2",
    ]))
    flags, missed = 0, 0
    while number < last:
        due = options.begin + number / options.fps
        late = time.monotonic() - due
        if late < 0:
            time.sleep(-late)
        micros = number * 1_000_000 // options.fps
        first, behind = number * RATE // options.fps, (number + 1) * RATE // options.fps
        try:
            if late < 2 / options.fps:
                connection.sendall(frame(0, flags, micros, picture(number, width, height)))
                if missed:
                    print(f"backpressure: {missed} pictures were left out", file=sys.stderr)
                flags, missed = 0, 0
            else:
                flags, missed = HAS_GAP, missed + 1
                options.left_out += 1
            # A tone that stops is heard: sound is small enough to wait for.
            connection.sendall(frame(1, 0, first * 1_000_000 // RATE, sound(first, behind - first)))
        except OSError as error:
            print(f"connection lost: {error}; {why(connection)}", file=sys.stderr)
            return number
        number += 1
    connection.sendall(struct.pack("<2sBBIq", b"FR", 0, END, 0, 0))
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    options.size = tuple(int(side) for side in options.size.split("x"))
    options.begin, options.left_out = time.monotonic(), 0
    number, last, wait = 0, options.seconds * options.fps, 0.1
    while number < last:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(options.socket)
                reached = push(connection, options, number, last)
        except OSError as error:
            print(f"{options.socket}: {error}", file=sys.stderr)
            reached = number
        wait = 0.1 if reached > number else min(2 * wait, 2)
        number = reached
        if number < last:
            time.sleep(wait)
            # What was due meanwhile is gone.
            due = min(last, int((time.monotonic() - options.begin) * options.fps))
            options.left_out += max(0, due - number)
            number = max(number, due)
    print(f"{number} pictures, {options.left_out} left out", file=sys.stderr)


if __name__ == "__main__":
    main()
