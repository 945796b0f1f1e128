//! What viewers cost others, in the same run: icecast2 and nginx of the system, voyandz of PyPI.
//!
//! Each gets the media that our feed has, from FFmpeg in its own time, and the same crowd. nginx has no live streams
//! of this kind: it sends a file, which is what a server can do that has nothing to gather or to count.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ffleet_testkit::crowd::{self, Crowd};
use ffleet_testkit::descendants_of;
use ffleet_testkit::measure::{Bound, Row, cpu_time, millis, quantile};

use crate::Extent;
use crate::fanout::bytes;
use crate::room::Room;

/// How long one may take until it sends.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the crowd settles before it counts.
const SETTLE: Duration = Duration::from_secs(3);
/// Where the set-up puts voyandz.
const VOYANDZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/voyandz/bin/voyandz");

/// Those that are installed; who is not says so in place of a figure.
pub(crate) fn rows(room: &Room, media: &str, extent: Extent) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(peer) = Peer::icecast(room, media) {
        for count in [100, 500] {
            rows.extend(peer.paced(count, extent));
        }
    }
    if let Some(peer) = Peer::voyandz(room, media) {
        rows.extend(peer.paced(100, extent));
    }
    if let Some(peer) = Peer::nginx(room, media) {
        rows.push(peer.saturated(100, extent));
    }
    rows
}

/// A server that is not ours.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    path: &'static str,
    /// The server, and whoever feeds it.
    processes: Vec<Child>,
}

impl Peer {
    fn icecast(room: &Room, media: &str) -> Option<Self> {
        let program = installed("icecast2")?;
        let (address, dir) = (free(), room.path().display());
        let port = address.port();
        // As root it wants to be somebody else.
        let user = rustix::process::geteuid().is_root().then_some(
            "<security><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>",
        );
        let config = format!(
            "<icecast>
<limits><clients>5000</clients><sources>2</sources><queue-size>8388608</queue-size>
<burst-on-connect>1</burst-on-connect><burst-size>65535</burst-size></limits>
<authentication><source-password>bench</source-password><admin-user>bench</admin-user>
<admin-password>bench</admin-password></authentication><hostname>localhost</hostname>
<listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><logdir>{dir}</logdir><webroot>{dir}</webroot><adminroot>{dir}</adminroot></paths>
<logging><accesslog>-</accesslog><errorlog>-</errorlog><loglevel>1</loglevel></logging>{}</icecast>",
            user.unwrap_or_default()
        );
        let file = room.file("icecast.xml");
        fs::write(&file, config).unwrap();
        let server = silent(Command::new(program).arg("-c").arg(&file));
        let mut peer = Self { name: "icecast2", address, path: "/live", processes: vec![server] };
        peer.await_port();
        let target = format!("icecast://source:bench@{address}/live");
        let source = ["-v", "error", "-re", "-stream_loop", "-1", "-i", media];
        let sends = "-c copy -f mpegts -muxrate 5M -content_type video/mp2t";
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(source).args(sends.split(' ')).arg(target);
        peer.processes.push(silent(&mut ffmpeg));
        std::thread::sleep(SETTLE);
        Some(peer)
    }

    fn voyandz(room: &Room, media: &str) -> Option<Self> {
        let program = PathBuf::from(VOYANDZ);
        let program = found("voyandz", program.is_file().then_some(program))?;
        let (address, dir) = (free(), room.path().display());
        let config = format!(
            "listenport: {}
logdir: {dir}
feeds:
  live: {{ command: ffmpeg -v error -re -stream_loop -1 -i {media} -c copy -f mpegts -muxrate 5M - }}
streams:
  live: {{ feed: live, type: stream, mimetype: video/mp2t, command: cat }}
",
            address.port()
        );
        let file = room.file("voyandz.yaml");
        fs::write(&file, config).unwrap();
        let server = silent(Command::new(program).arg("-f").arg(&file));
        let peer = Self { name: "voyandz", address, path: "/stream/live", processes: vec![server] };
        peer.await_port();
        Some(peer)
    }

    fn nginx(room: &Room, media: &str) -> Option<Self> {
        let program = installed("nginx")?;
        let (address, dir) = (free(), room.path().display());
        // Long enough that nobody comes to its end.
        let big = room.file("big.ts");
        let bytes = fs::read(media).unwrap();
        let mut file = fs::File::create(&big).unwrap();
        for _ in 0..40 {
            std::io::Write::write_all(&mut file, &bytes).unwrap();
        }
        let user = rustix::process::geteuid().is_root().then_some("user root;");
        let config = format!(
            "daemon off; {} worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; client_body_temp_path {dir}; proxy_temp_path {dir};
fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
server {{ listen {address}; root {dir}; }} }}",
            user.unwrap_or_default()
        );
        let file = room.file("nginx.conf");
        fs::write(&file, config).unwrap();
        let server = silent(Command::new(program).arg("-p").arg(room.path()).arg("-c").arg(&file));
        let peer =
            Self { name: "nginx, a file", address, path: "/big.ts", processes: vec![server] };
        peer.await_port();
        Some(peer)
    }

    fn await_port(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "{} does not listen", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// CPU time of the server, without those who feed it.
    fn spent(&self) -> Duration {
        let own = self.processes[0].id();
        let feeds = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "ffmpeg\n")
        };
        let all = descendants_of(own).into_iter().filter(|pid| !feeds(pid)).chain([own]);
        all.filter_map(|pid| cpu_time(pid).ok()).sum()
    }

    fn paced(&self, count: usize, extent: Extent) -> Vec<Row> {
        let window = Duration::from_secs(extent.pick(2, 8));
        let mut crowd = Crowd::gather(self.address, self.path, count, 0).unwrap();
        crowd.watch(SETTLE).unwrap();
        let mut first: Vec<_> = crowd.first_bytes().flatten().collect();
        let served = first.len();
        first.sort_unstable();
        let mut cost = Vec::new();
        for _ in 0..extent.pick(1, 3) {
            let spent = self.spent();
            let seen = crowd.watch(window).unwrap();
            let spent = (self.spent() - spent).as_secs_f64();
            cost.push(spent * 1e9 / bytes(&seen));
        }
        let name = format!("{}: 5 Mbit/s to {count} viewers", self.name);
        let mut rows =
            vec![Row::new(format!("{name}: CPU for each GB"), "s/GB", Bound::Open, &cost)];
        if served > 0 {
            let median = [millis(quantile(&first, 0.5))];
            let what = format!("{name}, {served} served: the first byte, median");
            rows.push(Row::new(what, "ms", Bound::Open, &median));
        }
        rows
    }

    fn saturated(&self, count: usize, extent: Extent) -> Row {
        let window = Duration::from_secs(extent.pick(1, 2));
        let mut ratios = Vec::new();
        for _ in 0..extent.pick(1, 3) {
            let bound = crowd::bound(count, 128 << 10, window).unwrap();
            let mut crowd = Crowd::gather(self.address, self.path, count, 0).unwrap();
            let seen = crowd.watch(window).unwrap();
            ratios.push(bytes(&seen) / window.as_secs_f64() / bound);
        }
        let what = format!("{}, to {count}: of what one thread can send", self.name);
        Row::new(what, "×", Bound::Open, &ratios)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let below = descendants_of(process.id());
            let _gone = process.kill();
            let _reaped = process.wait();
            for pid in below {
                let pid = rustix::process::Pid::from_raw(pid.cast_signed());
                let kill = |pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                let _gone = pid.map(kill);
            }
        }
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn silent(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn installed(name: &str) -> Option<PathBuf> {
    let dirs = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let files = dirs.iter().map(|dir| PathBuf::from(dir).join(name));
    found(name, files.into_iter().find(|file| file.is_file()))
}

/// Says who is missing: `scripts/setup.sh --for bench` installs them.
#[expect(clippy::print_stderr, reason = "the results are on the standard output")]
fn found(name: &str, file: Option<PathBuf>) -> Option<PathBuf> {
    if file.is_none() {
        eprintln!("{name} is not installed: without its figures");
    }
    file
}
