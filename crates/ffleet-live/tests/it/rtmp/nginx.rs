//! nginx with its RTMP module, in a directory of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ffleet_live::rtmp::Address;
use ffleet_testkit::{need, until};
use tempfile::TempDir;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where Debian has the module.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// A process that ends with the test.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn new(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Waits until it ends by itself, and well.
    pub(crate) fn ends(&mut self, what: &str) {
        let mut status = None;
        until(PATIENCE, what, || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{what}: {status:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A server that records what is published to `/live/NAME` in `NAME.flv`.
#[derive(Debug)]
pub(crate) struct Nginx {
    _process: Running,
    dir: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts one, where it is installed.
    pub(crate) fn start() -> Option<Self> {
        let what = "nginx's RTMP module (libnginx-mod-rtmp)";
        if !need::that(what, Path::new(MODULE).is_file()) {
            return None;
        }
        let program = need::program("nginx")?;
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = dir.path().display();
        let config = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log info;
load_module {MODULE};
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; ack_window 100000; application live {{
live on; publish_notify on; record all; record_path {path}; }} }} }}"
        );
        let file = dir.path().join("conf");
        File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(dir.path()).arg("-e").arg(dir.path().join("log"));
        let process = Running::new(command.arg("-c").arg(&file).stderr(Stdio::null()));
        let nginx = Self { _process: process, dir, port };
        until(PATIENCE, "nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{name}", self.port)
    }

    pub(crate) fn address(&self, name: &str) -> Address {
        self.url(name).parse().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it recorded under `name`.
    pub(crate) fn record(&self, name: &str) -> Vec<u8> {
        read(&self.path(&format!("{name}.flv")))
    }

    /// Waits until it has logged `words`.
    pub(crate) fn says(&self, words: &str) {
        until(PATIENCE, words, || {
            String::from_utf8_lossy(&read(&self.path("log"))).contains(words)
        });
    }
}

/// A port that nobody listens on, and that the kernel gives to nobody who asks for any (those begin at 32768): programs that are
/// told a port bind it later.
pub(crate) fn free_port() -> u16 {
    let tests = u16::try_from(std::process::id() % 2000).unwrap();
    let mut ports = (0..10).map(|step| 10_000 + tests * 10 + step);
    ports
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .unwrap()
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
