//! Elements of GStreamer that are known: their threads, what they open, whether they end.

use crate::audit::report::{Kind, Way};

/// Encoders and decoders whose pool follows the CPUs unless a property says otherwise.
pub(super) const POOLS: &[(&str, &str)] = &[
    ("x264enc", "threads"),
    ("av1enc", "threads"),
    ("svtav1enc", "logical-processors"),
    ("openh264enc", "multi-thread"),
    ("compositor", "max-threads"),
    ("videoconvert", "n-threads"),
    ("videoscale", "n-threads"),
    ("dav1ddec", "n-threads"),
    ("vp8dec", "threads"),
    ("vp9dec", "threads"),
];
/// Of these, elements that have one thread where nothing is said.
pub(super) const SINGLE: &[&str] = &["videoconvert", "videoscale"];
/// Elements that join streams and push from a thread of their own (`GstAggregator`).
pub(super) const AGGREGATORS: &[&str] = &[
    "compositor",
    "audiomixer",
    "mpegtsmux",
    "flvmux",
    "eflvmux",
    "mp4mux",
    "qtmux",
    "ismlmux",
    "audiointerleave",
    "glvideomixer",
    "liveadder",
];
/// Sinks with a thread that feeds a sound card.
pub(super) const SOUND_SINKS: &[&str] =
    &["autoaudiosink", "pulsesink", "alsasink", "jackaudiosink", "osssink"];
/// Bins that make elements by what they find, and streaming threads that are assumed of each.
pub(super) const BINS: &[(&str, u32)] = &[
    ("decodebin", 2),
    ("decodebin3", 3),
    ("uridecodebin", 3),
    ("uridecodebin3", 4),
    ("urisourcebin", 1),
    ("playbin", 6),
    ("playbin3", 6),
    ("encodebin", 2),
    ("rtspsrc", 4),
    ("multiqueue", 2),
    ("splitmuxsink", 2),
    ("hlssink", 1),
    ("hlssink2", 2),
    ("webrtcbin", 4),
];
/// Elements that open what a property names.
pub(super) const OPENS: &[(&str, &str, Kind, Way)] = &[
    ("filesrc", "location", Kind::File, Way::Reads),
    ("multifilesrc", "location", Kind::File, Way::Reads),
    ("splitfilesrc", "location", Kind::File, Way::Reads),
    ("filesink", "location", Kind::File, Way::Writes),
    ("multifilesink", "location", Kind::File, Way::Writes),
    ("splitmuxsink", "location", Kind::File, Way::Writes),
    ("hlssink", "location", Kind::File, Way::Writes),
    ("hlssink", "playlist-location", Kind::File, Way::Writes),
    ("hlssink2", "location", Kind::File, Way::Writes),
    ("hlssink2", "playlist-location", Kind::File, Way::Writes),
    ("souphttpsrc", "location", Kind::Socket, Way::Reads),
    ("curlhttpsrc", "location", Kind::Socket, Way::Reads),
    ("rtspsrc", "location", Kind::Socket, Way::Reads),
    ("rtmpsrc", "location", Kind::Socket, Way::Reads),
    ("rtmp2src", "location", Kind::Socket, Way::Reads),
    ("srtsrc", "uri", Kind::Socket, Way::Reads),
    ("udpsrc", "port", Kind::Socket, Way::Reads),
    ("tcpclientsrc", "host", Kind::Socket, Way::Reads),
    ("tcpserversrc", "port", Kind::Socket, Way::Reads),
    ("rtmpsink", "location", Kind::Socket, Way::Writes),
    ("rtmp2sink", "location", Kind::Socket, Way::Writes),
    ("srtsink", "uri", Kind::Socket, Way::Writes),
    ("udpsink", "host", Kind::Socket, Way::Writes),
    ("tcpclientsink", "host", Kind::Socket, Way::Writes),
    ("tcpserversink", "port", Kind::Socket, Way::Writes),
    ("v4l2src", "device", Kind::Device, Way::Reads),
    ("alsasrc", "device", Kind::Device, Way::Reads),
    ("fdsrc", "fd", Kind::Pipe, Way::Reads),
    ("fdsink", "fd", Kind::Pipe, Way::Writes),
    ("uridecodebin", "uri", Kind::File, Way::Reads),
    ("playbin", "uri", Kind::File, Way::Reads),
];
/// Sources that give for as long as they are let.
pub(super) const ENDLESS: &[&str] = &[
    "videotestsrc",
    "audiotestsrc",
    "fakesrc",
    "v4l2src",
    "alsasrc",
    "pulsesrc",
    "autovideosrc",
    "autoaudiosrc",
    "ximagesrc",
    "udpsrc",
    "srtsrc",
    "rtspsrc",
    "rtmpsrc",
    "rtmp2src",
    "tcpclientsrc",
    "tcpserversrc",
    "pipewiresrc",
];
