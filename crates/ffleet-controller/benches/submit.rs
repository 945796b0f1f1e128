//! How many jobs a second are accepted over HTTP, on disk when acknowledged, and how long each
//! takes: 16 clients on the machine of the server, each with one connection that it keeps.
//!
//! `cargo bench -p ffleet-controller --bench submit [-- SECONDS]`. Beside it: the time of one
//! sync of the same disk, by which all of this is bounded.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times by the real clock, prints, and stops where it cannot go on"
)]

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffleet_base::{SystemClock, chance};
use ffleet_controller::{Controller, Key, Parts, Policy, Server};
use ffleet_store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLIENTS: u32 = 16;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(5);
    let dir = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
    let sync = sync_latency(dir.path());
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let key = chance::key();
    let keys = vec![Key { name: "bench".into(), hash: key.hash() }];
    let parts = Parts {
        store: Store::open(&state, ffleet_store::Options::default()).unwrap(),
        clock: Arc::new(SystemClock),
        policy: Policy::new(state, keys),
        presets: [].into(),
    };
    let controller = Controller::start(parts).await.unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(controller.clone(), any, None).await.unwrap();
    let address = server.address();
    let server = tokio::spawn(server.run());

    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let target = dir.path().join(format!("{client}.mp4")).display().to_string();
            tokio::spawn(submit(address, key.expose().to_owned(), target, end))
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    let took = begun.elapsed();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1_000];
    let count = u32::try_from(times.len()).unwrap();
    println!("submit over HTTP, {CLIENTS} clients, {took:.1?}, on disk when acknowledged");
    println!("  rate    {:>10.0} /s", f64::from(count) / took.as_secs_f64());
    println!("  median  {:>10.2?}", at(500));
    println!("  p99     {:>10.2?}", at(990));
    println!("  worst   {:>10.2?}", at(1_000));
    println!("  sync    {sync:>10.2?}  (median of one 4 KiB append on this disk)");
    controller.shutdown().await.unwrap();
    server.await.unwrap();
}

/// Submits one job after the other until `end`; how long each took.
async fn submit(address: SocketAddr, key: String, target: String, end: Instant) -> Vec<Duration> {
    let body = format!(
        r#"{{"input":"test:720p30","outputs":[{{"target":"{target}","preset":"480p-h264"}}],"labels":{{"from":"bench"}}}}"#
    );
    let request = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; 16 << 10];
    let mut times = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut length = 0;
        while !is_whole(&answer[..length]) {
            length += stream.read(&mut answer[length..]).await.unwrap();
        }
        assert!(answer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answer));
        times.push(sent.elapsed());
    }
    times
}

/// Whether an answer with a length has arrived.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    answer.len() >= head + 4 + length.unwrap().parse::<usize>().unwrap()
}

fn sync_latency(dir: &std::path::Path) -> Duration {
    let mut file = std::fs::File::create(dir.join("sync")).unwrap();
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[0; 4_096]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
