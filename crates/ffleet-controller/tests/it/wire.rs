//! Raw HTTP, for what no well-behaved client sends.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{DEADLINE, Fixture};

/// An answer, in pieces.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The header with this lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem, which must be well formed.
    pub(crate) fn code(&self) -> String {
        let problem: ffleet_api::Problem = serde_json::from_value(self.json()).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        problem.code.name().to_owned()
    }
}

/// Sends bytes as they are, and reads until the peer closes.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        parse(&answer)
    };
    tokio::time::timeout(DEADLINE, exchange)
        .await
        .expect("an answer in time")
}

pub(crate) fn parse(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}

/// A connection whose answer does not end.
pub(crate) struct Listening {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Listening {
    pub(crate) async fn open(address: SocketAddr, request: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, heard: Vec::new() }
    }

    /// Reads on until `text` has come; everything that has.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let hearing = async {
            loop {
                let heard = String::from_utf8_lossy(&self.heard).into_owned();
                if heard.contains(text) {
                    return heard;
                }
                let count = self.stream.read_buf(&mut self.heard).await.unwrap();
                assert!(count > 0, "it ended without {text:?}: {heard}");
            }
        };
        tokio::time::timeout(DEADLINE, hearing).await.expect("it comes in time")
    }
}

impl Fixture {
    /// Posts JSON with the key, and hangs up without waiting for the answer.
    pub(crate) async fn post_and_leave(&self, path: &str, body: &str) {
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            self.bearer(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }

    /// Asks for a stream, and leaves reading it to the test.
    pub(crate) async fn open(&self, path: &str) -> TcpStream {
        let text =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{}\r\n\r\n", self.address, self.bearer());
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a request with these header lines, besides host and `connection: close`.
    pub(crate) async fn request(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let host = format!("host: {}", self.address);
        let length = format!("content-length: {}", body.len());
        let line = format!("{line} HTTP/1.1");
        let mut head = vec![&*line, "connection: close", &length];
        if !headers.iter().any(|header| header.starts_with("host:")) {
            head.push(&host);
        }
        head.extend(headers);
        let text = format!("{}\r\n\r\n{body}", head.join("\r\n"));
        raw(self.address, text.as_bytes()).await
    }

    /// The header that carries the key.
    pub(crate) fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.key.expose())
    }

    /// Reads an address with the key.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path}"), &[&self.bearer()], "").await
    }

    /// Posts JSON with the key.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let headers = [&*self.bearer(), "content-type: application/json"];
        self.request(&format!("POST {path}"), &headers, body).await
    }
}
