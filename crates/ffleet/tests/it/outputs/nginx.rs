//! nginx with its RTMP module, which can be killed and started again in the same place.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use ffleet_testkit::{need, until};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where Debian has its modules.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
const TLS: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A server that records each connection that publishes to `/live/NAME` in a file of its own.
#[derive(Debug)]
pub(super) struct Nginx {
    process: Child,
    dir: TempDir,
    port: u16,
    /// Where it speaks TLS, if it does.
    tls: Option<u16>,
}

impl Nginx {
    /// Starts one, where it is installed.
    pub(super) fn start() -> Option<Self> {
        Self::open(None)
    }

    /// The same, which speaks TLS as well: with this certificate and its key, both PEM.
    pub(super) fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        let is_there = Path::new(TLS).is_file();
        need::that("nginx's stream module (libnginx-mod-stream)", is_there)
            .then(|| Self::open(Some((certificate, key))))
            .flatten()
    }

    fn open(tls: Option<(&str, &str)>) -> Option<Self> {
        if !need::that("nginx's RTMP module (libnginx-mod-rtmp)", Path::new(MODULE).is_file()) {
            return None;
        }
        need::program("nginx")?;
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = dir.path().display();
        let tls = tls.map(|(certificate, key)| {
            fs::write(dir.path().join("cert.pem"), certificate).unwrap();
            fs::write(dir.path().join("key.pem"), key).unwrap();
            free_port()
        });
        let secured = tls.map_or_else(String::new, |tls| {
            format!(
                "stream {{ server {{ listen 127.0.0.1:{tls} ssl; proxy_pass 127.0.0.1:{port};
ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem; }} }}"
            )
        });
        let load = if tls.is_some() {
            format!("load_module {TLS};")
        } else {
            String::new()
        };
        let config = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log info;
load_module {MODULE}; {load}
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{
live on; record all; record_path {path}; record_unique on; }} }} }} {secured}"
        );
        fs::write(dir.path().join("conf"), config).unwrap();
        let process = run(dir.path());
        let nginx = Self { process, dir, port, tls };
        nginx.await_open();
        Some(nginx)
    }

    fn await_open(&self) {
        let is_open = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        until(super::SOON, "nginx listens", || {
            is_open(self.port) && self.tls.is_none_or(is_open)
        });
    }

    pub(super) fn url(&self, app: &str, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{app}/{name}", self.port)
    }

    /// The same by TLS, at this name.
    pub(super) fn secure_url(&self, host: &str, name: &str) -> String {
        format!("rtmps://{host}:{}/live/{name}", self.tls.expect("it speaks TLS"))
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(super) fn start_again(&mut self) {
        self.process = run(self.dir.path());
        self.await_open();
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// What it recorded, in the order in which it came.
    pub(super) fn records(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_record = |path: &PathBuf| {
            path.extension().is_some_and(|it| it == "flv")
                && fs::metadata(path).unwrap().len() > 1_000
        };
        let mut records: Vec<_> = entries.filter(is_record).collect();
        records.sort();
        records
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn run(dir: &Path) -> Child {
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(dir)
        .arg("-e")
        .arg(dir.join("log"))
        .arg("-c")
        .arg(dir.join("conf"));
    let said = File::create(dir.join("said")).unwrap();
    command.stdin(Stdio::null()).stderr(said).spawn().unwrap()
}

/// The next one that is tried.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, and that the kernel gives to nobody who asks for any (those begin at 32768).
pub(super) fn free_port() -> u16 {
    let tests = u16::try_from(std::process::id() % 1_000).unwrap();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + tests * 10 + step % 1_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
