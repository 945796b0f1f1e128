//! Connections that are handed over whole: those of viewers.
//!
//! A viewer asks once and is sent bytes until it leaves, and with a thousand of them whatever stands between
//! a ring and a socket is what the machine is busy with. So the first request of a connection is looked at where
//! it lies, in the kernel's buffer; if it is for something that the front takes, its head is taken out of
//! there and the socket goes to the front. Whatever else it is, a head that is not whole or not understood
//! included, is left as it lies, for the server to read.

use std::io;
use std::net::SocketAddr;

use ffleet_api::front::Claim;
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri, Version};
use tokio::net::TcpStream;

use super::server::method;
use crate::controller::Controller;

/// The longest head that is looked at.
const HEAD: usize = 4_096;
/// The most headers in it.
const HEADERS: usize = 64;

/// Hands `connection` to the front if its first request is for it. Else it is given back.
pub(super) async fn offer(
    controller: &Controller,
    connection: TcpStream,
    peer: SocketAddr,
) -> Option<TcpStream> {
    let Some(front) = controller.front.get() else {
        return Some(connection);
    };
    let mut head = [0; HEAD];
    let peeked = tokio::select! {
        peeked = connection.peek(&mut head) => peeked,
        () = tokio::time::sleep(controller.policy.http.arrival) => return Some(connection),
        () = controller.stop.cancelled() => return Some(connection),
    };
    let Some((parts, length)) = peeked.ok().and_then(|count| parse(&head[..count])) else {
        return Some(connection);
    };
    let claim = front.claims(&parts.method, parts.uri.path());
    if claim == Claim::None || !front.takes(&parts) {
        return Some(connection);
    }
    let request = Request::from_parts(parts, ());
    if controller.gate.admit(&request, (peer.ip(), None), &claim).is_err() {
        // The server says why.
        return Some(connection);
    }
    take(&connection, &mut head[..length]).await.ok()?;
    controller.metrics.answered(method(request.method()), "front", 200);
    front.take(connection, peer, &request.into_parts().0);
    None
}

/// Takes a head out of the kernel's buffer, where it has been seen: this does not wait for the peer.
async fn take(connection: &TcpStream, mut head: &mut [u8]) -> io::Result<()> {
    while !head.is_empty() {
        connection.readable().await?;
        match connection.try_read(head) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => head = &mut head[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The request whose head `bytes` begins with, if it is one without a body, and how long the head is.
fn parse(bytes: &[u8]) -> Option<(Parts, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(bytes).ok()? else {
        return None;
    };
    let version = match head.version? {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let mut request = Request::builder()
        .method(Method::from_bytes(head.method?.as_bytes()).ok()?)
        .uri(head.path?.parse::<Uri>().ok()?)
        .version(version);
    for header in head.headers.iter() {
        let has_body = ["content-length", "transfer-encoding", "upgrade", "expect"];
        if has_body.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            return None;
        }
        request = request.header(header.name, header.value);
    }
    // What comes behind the head of a request without a body is another request.
    if length != bytes.len() {
        return None;
    }
    Some((request.body(()).ok()?.into_parts().0, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_head_is_understood() {
        let text = b"GET /stream/cam?x=1 HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\n\r\n";
        let (parts, length) = parse(text).unwrap();
        assert_eq!((parts.method, parts.uri.path()), (Method::GET, "/stream/cam"));
        assert_eq!((parts.headers["host"].as_bytes(), length), (&b"a:1"[..], text.len()));
    }

    #[test]
    fn whatever_else_is_left_to_the_server() {
        for text in [
            "",
            "GET /stream/cam HTTP/1.1\r\nHost: a",
            "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\0\0\0",
        ] {
            assert!(parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
