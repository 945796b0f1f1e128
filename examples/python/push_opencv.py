#!/usr/bin/env python3
"""Pushes what OpenCV reads, a file or a camera, to a feed of ffleet, over its socket.

    feeds:
      camera:
        inputs:
          socket: /run/ffleet/camera.sock
          video: { format: rawvideo, pixel-format: bgr24, size: 1280x720, fps: 25 }

    python3 push_opencv.py /run/ffleet/camera.sock 0                 # the first camera
    python3 push_opencv.py /run/ffleet/camera.sock rtsp://door/1     # one in the network
    python3 push_opencv.py /run/ffleet/camera.sock clip.mp4          # a file, over and over

Needs OpenCV (Debian: python3-opencv, elsewhere: pip install opencv-python-headless). Size and fps are
what the feed says; pictures of another size are scaled. The bytes are those of docs/design/frames.md.
A connection that breaks is made anew. A file waits while the socket takes no more. A camera does not:
the newest picture is sent when it can be, and how many were left out before it is said.
"""

import argparse
import collections
import contextlib
import itertools
import socket
import struct
import sys
import threading
import time

import cv2

HAS_GAP = 0x02
END = struct.pack("<2sBBIq", b"FR", 0, 0x80, 0, 0)

# Pixels in BGR, when they were made in seconds, and how many pictures were left out before.
Picture = collections.namedtuple("Picture", "pixels at missed")


def file(options):
    """Pictures of a file in time, once or over and over."""
    begin, number = time.monotonic(), 0
    while True:
        capture, first = cv2.VideoCapture(options.source), number
        while True:
            there, pixels = capture.read()
            if not there:
                break
            at = begin + number / options.fps
            time.sleep(max(0, at - time.monotonic()))
            yield Picture(pixels, at, 0)
            number += 1
        if number == first:
            options.failed = f"{options.source} has no picture that can be read"
        if options.failed or options.once:
            return


def camera(options):
    """Pictures of a camera, as long as it gives some."""
    source = int(options.source) if options.source.isdigit() else options.source
    capture = cv2.VideoCapture(source)
    while True:
        there, pixels = capture.read()
        if not there:
            options.failed = f"{options.source} gives no picture (any more)"
            return
        yield Picture(pixels, time.monotonic(), 0)


class Newest:
    """The newest picture of what does not wait: a thread reads on while one is being sent."""

    def __init__(self, source):
        self.picture, self.is_over, self.news = None, False, threading.Condition()
        threading.Thread(target=self.read, args=(source,), daemon=True).start()

    def read(self, source):
        try:
            for picture in source:
                with self.news:
                    missed = self.picture.missed + 1 if self.picture else 0
                    self.picture = picture._replace(missed=missed)
                    self.news.notify()
        finally:
            with self.news:
                self.is_over = True
                self.news.notify()

    def __iter__(self):
        while True:
            with self.news:
                self.news.wait_for(lambda: self.picture or self.is_over)
                picture, self.picture = self.picture, None
            if not picture:
                return
            yield picture


def why(connection):
    """What ffleet said before it closed the connection."""
    try:
        connection.settimeout(1)
        return connection.recv(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def push(connection, options, source):
    """Sends pictures until there are no more; answers the one that could not be sent."""
    width, height = options.size
    connection.sendall(f"ffleet-frames 1\npicture bgr24 {width}x{height} {options.fps}\n\n".encode())
    for picture in source:
        pixels, at, missed = picture
        if missed:
            print(f"backpressure: {missed} pictures were left out", file=sys.stderr)
        if (pixels.shape[1], pixels.shape[0]) != options.size:
            pixels = cv2.resize(pixels, options.size)
        payload, flags = pixels.tobytes(), HAS_GAP if missed else 0
        head = struct.pack("<2sBBIq", b"FR", 0, flags, len(payload), int(at * 1e6))
        try:
            # Whoever has sent a head sends the whole frame, however long that takes.
            connection.sendall(head + payload)
        except OSError as error:
            print(f"connection lost: {error}; {why(connection)}", file=sys.stderr)
            return picture._replace(missed=0)
    with contextlib.suppress(OSError):
        connection.sendall(END)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("source", help="a number, an address or a file")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--once", action="store_true", help="a file: end with it")
    parser.add_argument("--live", action="store_true", help="a file: do not wait, as a camera")
    options = parser.parse_args()
    options.size = tuple(int(side) for side in options.size.split("x"))
    is_camera = options.source.isdigit() or "://" in options.source
    source = camera(options) if is_camera else file(options)
    source = iter(Newest(source) if is_camera or options.live else source)
    options.failed, wait, left = None, 0.1, None
    while True:
        begin = time.monotonic()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(options.socket)
                left = push(connection, options, itertools.chain([left] if left else [], source))
                if left is None:
                    sys.exit(options.failed)
        except OSError as error:
            print(f"{options.socket}: {error}", file=sys.stderr)
        wait = 0.1 if time.monotonic() - begin > 2 else min(2 * wait, 2)
        time.sleep(wait)


if __name__ == "__main__":
    main()
