//! RTMP (Adobe's specification 1.0): publishing to a server, as a session without a socket.
//!
//! A [`Publisher`] is told what the server sends and gives what is to be sent to it; sockets, TLS and clocks are its
//! owner's. It speaks the plain handshake, which every server takes for publishing; none of the digests by which Flash
//! players once proved themselves.

pub mod amf;
