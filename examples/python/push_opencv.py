#!/usr/bin/env python3
"""Pushes what OpenCV reads, a file or a camera, to a feed of ffleet, over its socket.

    feeds:
      camera:
        inputs:
          socket: /run/ffleet/camera.sock
          video: { format: rawvideo, pixel-format: bgr24, size: 1280x720, fps: 25 }

    python3 push_opencv.py /run/ffleet/camera.sock 0            # the first camera
    python3 push_opencv.py /run/ffleet/camera.sock clip.mp4     # a file, over and over

Needs OpenCV (Debian: python3-opencv). Size and fps are what the feed says; pictures of another size are
scaled. The bytes are those of docs/design/frames.md. A connection that breaks is made anew. A camera
does not wait: while the socket takes no more its pictures are left out, which is said.
"""

import argparse
import select
import socket
import struct
import sys
import time

import cv2

HAS_GAP = 0x02


def why(connection):
    """What ffleet said before it closed the connection."""
    try:
        connection.settimeout(1)
        return connection.recv(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def pictures(options):
    """Pictures in BGR and when each was made, in seconds."""
    is_camera = options.source.isdigit()
    capture = cv2.VideoCapture(int(options.source) if is_camera else options.source)
    if not capture.isOpened():
        sys.exit(f"{options.source} cannot be opened")
    begin, number = time.monotonic(), 0
    while True:
        there, pixels = capture.read()
        if not there:
            if is_camera:
                sys.exit("the camera gives nothing any more")
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            there, pixels = capture.read()
            if not there:
                sys.exit(f"{options.source} has no picture")
        if not is_camera:
            time.sleep(max(0, begin + number / options.fps - time.monotonic()))
        number += 1
        if (pixels.shape[1], pixels.shape[0]) != options.size:
            pixels = cv2.resize(pixels, options.size)
        yield pixels, time.monotonic() if is_camera else begin + number / options.fps


def push(connection, options, source):
    """Sends pictures until the connection breaks."""
    width, height = options.size
    connection.sendall(f"ffleet-frames 1\npicture bgr24 {width}x{height} {options.fps}\n\n".encode())
    missed = 0
    for pixels, at in source:
        _, is_free, _ = select.select([], [connection], [], 0)
        if not is_free:
            missed += 1
            continue
        payload = pixels.tobytes()
        flags = HAS_GAP if missed else 0
        try:
            connection.sendall(struct.pack("<2sBBIq", b"FR", 0, flags, len(payload), int(at * 1e6)))
            # Whoever has sent a head sends the whole frame, however long that takes.
            connection.sendall(payload)
        except OSError as error:
            print(f"connection lost: {error}; {why(connection)}", file=sys.stderr)
            return
        if missed:
            print(f"backpressure: {missed} pictures were left out", file=sys.stderr)
        missed = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("source")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=25)
    options = parser.parse_args()
    options.size = tuple(int(side) for side in options.size.split("x"))
    source, wait = pictures(options), 0.1
    while True:
        begin = time.monotonic()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(options.socket)
                push(connection, options, source)
        except OSError as error:
            print(f"{options.socket}: {error}", file=sys.stderr)
        wait = 0.1 if time.monotonic() - begin > 2 else min(2 * wait, 2)
        time.sleep(wait)


if __name__ == "__main__":
    main()
