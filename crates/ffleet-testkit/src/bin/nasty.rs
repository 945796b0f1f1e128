//! A child that misbehaves on purpose: `nasty VERB [ARGUMENT] VERB …`, carried out in order.
//!
//! Everything that lasts is bounded, so that one which a broken test leaves behind goes away by
//! itself.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "a program that misbehaves uses what well-behaved code does not"
)]

use std::fmt::Display;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::{Command, exit};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process, setsid};
use rustix::time::{ClockId, clock_gettime};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
nasty VERB [ARGUMENT] …
  say TEXT           print a line to stdout
  complain TEXT      print a line to stderr
  exit N             end with this code
  signal N           end by this signal
  hang SECONDS       do nothing
  await FILE         do nothing until it exists, or for half a minute
  spin SECONDS       use one CPU for so long
  burn SECONDS       use so much CPU time
  ignore-term        ignore SIGTERM, SIGINT and SIGHUP from now on
  fork-away SCRIPT   start `nasty SCRIPT` in a session of its own, as an orphan
  forks N SECONDS    start N children that hang; print how many there are
  threads N SECONDS  start N threads that hang; print how many there are
  glutton MIB        take memory, and keep it
  flood-stderr KIB   write lines to stderr
  flood-stdout KIB   write zeros to stdout
  count KIB SECONDS  write numbers to stdout, 16 bytes each, so many KiB a second; 0 as many as are read
  clock KIB SECONDS  the same, but the numbers say when they are written: microseconds of CLOCK_MONOTONIC
  repeat FILE        write what a file holds to stdout, again and again
  write FILE KIB     write a file
  read FILE          read a file, and print what it holds, or why not
  make FILE          create a file, and print that, or why not
  udp ADDRESS        send a datagram, and print that, or why not
  tcp ADDRESS        connect, and print that, or why not
  hail NAME          connect to an abstract socket, and print that, or why not
  prod PID           send a process signal 0, and print that, or why not
  close-stdout       close stdout, and go on
  read-stdin         read stdin to its end, and print how many bytes that were
  env                print the environment
  files              print the open descriptors
  status             print /proc/self/status, limits and cgroup
  tree               print process, group and session id";

fn main() {
    let mut script = Script { words: std::env::args().skip(1).collect::<Vec<_>>().into_iter() };
    let mut kept = Vec::new();
    while let Some(verb) = script.words.next() {
        act(&verb, &mut script, &mut kept);
    }
}

/// What is left to do.
struct Script {
    words: std::vec::IntoIter<String>,
}

impl Script {
    fn text(&mut self) -> String {
        self.words.next().unwrap_or_else(|| misused("an argument is missing"))
    }

    fn number<T: FromStr>(&mut self) -> T {
        let text = self.text();
        text.parse()
            .unwrap_or_else(|_| misused(&format!("{text:?} is no number")))
    }

    fn seconds(&mut self) -> Duration {
        Duration::from_secs_f64(self.number::<f64>().clamp(0.0, 600.0))
    }
}

fn misused(why: &str) -> ! {
    eprintln!("{why}\n{USAGE}");
    exit(64)
}

fn act(verb: &str, script: &mut Script, kept: &mut Vec<Vec<u8>>) {
    match verb {
        "say" => println!("{}", script.text()),
        "complain" => eprintln!("{}", script.text()),
        "exit" => exit(script.number()),
        "signal" => die(script.number()),
        "hang" => std::thread::sleep(script.seconds()),
        "await" => wait_for(&script.text()),
        "spin" => spin(script.seconds()),
        "burn" => burn(script.seconds()),
        "ignore-term" => ignore_term(),
        "fork-away" => fork_away(&script.text()),
        "daemon" => daemon(script),
        "forks" => forks(script.number(), &script.text()),
        "threads" => threads(script.number(), script.seconds()),
        "glutton" => glutton(script.number(), kept),
        "flood-stderr" => flood_stderr(script.number()),
        "flood-stdout" => flood(&mut io::stdout(), script.number()),
        "count" => count(script.number(), script.number(), |number| number),
        "clock" => count(script.number(), script.number(), |_| now_micros()),
        "repeat" => repeat(&script.text()),
        "write" => write(&script.text(), script.number()),
        "read" => tell(std::fs::read_to_string(script.text())),
        "make" => tell(File::create(script.text()).map(|_| "made")),
        "udp" => tell(udp(&script.text())),
        "tcp" => tell(TcpStream::connect(script.text()).map(|_| "connected")),
        "hail" => tell(hail(&script.text())),
        "prod" => tell(prod(script.number())),
        "close-stdout" => close_stdout(),
        "read-stdin" => read_stdin(),
        "env" => std::env::vars_os().for_each(|(name, value)| {
            println!("{}={}", name.display(), value.display());
        }),
        "files" => files(),
        "status" => status(),
        "tree" => println!(
            "{} {} {}",
            getpid().as_raw_nonzero(),
            rustix::process::getpgrp().as_raw_nonzero(),
            rustix::process::getsid(None).map_or(0, |sid| sid.as_raw_nonzero().get())
        ),
        other => misused(&format!("there is no verb {other:?}")),
    }
}

fn die(number: i32) {
    let Some(signal) = Signal::from_named_raw(number) else {
        misused("no such signal")
    };
    // Rust handles SIGSEGV once, to tell a stack overflow, and then no more.
    for _ in 0..2 {
        if kill_process(getpid(), signal).is_err() {
            misused("cannot signal myself");
        }
    }
    // It is ignored, or blocked.
    std::thread::sleep(Duration::from_secs(5));
}

fn wait_for(file: &str) {
    let start = Instant::now();
    while !Path::new(file).exists() && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn spin(span: Duration) {
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < span {
        count = black_box(count.wrapping_add(1));
    }
}

fn burn(span: Duration) {
    let used = || clock_gettime(ClockId::ProcessCPUTime);
    let nanos = i128::try_from(span.as_nanos()).unwrap_or(0);
    while i128::from(used().tv_sec) * 1_000_000_000 + i128::from(used().tv_nsec) < nanos {
        black_box(nanos);
    }
}

/// By a handler that does nothing; it stays when the runtime that installs it is gone.
fn ignore_term() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let _inside = runtime.as_ref().map(tokio::runtime::Runtime::enter);
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        match signal(kind) {
            Ok(listener) => drop(listener),
            Err(error) => misused(&format!("cannot ignore a signal: {error}")),
        }
    }
}

fn myself() -> Command {
    Command::new(std::env::current_exe().unwrap_or_else(|_| misused("I do not know where I am")))
}

/// The first child leaves the session and dies at once; its own child is nobody's.
fn fork_away(script: &str) {
    if let Err(error) = myself().arg("daemon").args(script.split_whitespace()).status() {
        misused(&format!("cannot fork away: {error}"));
    }
}

fn daemon(script: &mut Script) {
    if let Err(error) = setsid() {
        misused(&format!("cannot leave the session: {error}"));
    }
    match myself().args(&mut script.words).spawn() {
        Ok(_orphan) => exit(0),
        Err(error) => misused(&format!("cannot leave a child behind: {error}")),
    }
}

fn forks(count: usize, seconds: &str) {
    let children: Vec<_> = (0..count)
        .map_while(|_| myself().args(["hang", seconds]).spawn().ok())
        .collect();
    println!("{}", children.len());
    for mut child in children {
        if let Err(error) = child.wait() {
            eprintln!("lost a child: {error}");
        }
    }
}

fn threads(count: usize, span: Duration) {
    let thread = || std::thread::Builder::new().spawn(move || std::thread::sleep(span));
    let threads: Vec<_> = (0..count).map_while(|_| thread().ok()).collect();
    println!("{}", threads.len());
    std::thread::sleep(span);
}

fn glutton(mib: usize, kept: &mut Vec<Vec<u8>>) {
    for _ in 0..mib {
        // Not zeros, which the kernel would not have to find room for.
        kept.push(black_box(vec![0xa5; 1 << 20]));
    }
}

fn flood_stderr(kib: usize) {
    let line = [b'x'; 63];
    let mut stderr = io::stderr().lock();
    for number in 0..kib * 16 {
        let text = format!("{number:08} {}\n", std::str::from_utf8(&line[..54]).unwrap_or("x"));
        if stderr.write_all(text.as_bytes()).is_err() {
            exit(74);
        }
    }
}

fn flood(to: &mut dyn io::Write, kib: usize) {
    for _ in 0..kib {
        if to.write_all(&[0; 1024]).is_err() {
            exit(74);
        }
    }
}

/// Lines at a rate, in pieces of ten milliseconds; `word` says what is in each.
fn count(rate: u64, seconds: u64, word: impl Fn(u64) -> u64) {
    let began = Instant::now();
    let mut stdout = io::stdout().lock();
    let mut number = 0_u64;
    while began.elapsed() < Duration::from_secs(seconds) {
        let due = match rate {
            0 => number + 4_096,
            rate => u64::try_from(began.elapsed().as_millis()).unwrap_or(0) * rate * 64 / 1_000,
        };
        let lines: String = (number..due).map(|number| format!("{:015}\n", word(number))).collect();
        number = number.max(due);
        if stdout.write_all(lines.as_bytes()).is_err() {
            exit(74);
        }
        if rate > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn now_micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).unwrap_or(0)
}

fn repeat(path: &str) {
    let Ok(bytes) = std::fs::read(path) else {
        misused(&format!("cannot read {path}"))
    };
    let mut stdout = io::stdout().lock();
    while !bytes.is_empty() && stdout.write_all(&bytes).is_ok() {}
}

fn write(path: &str, kib: usize) {
    match File::create(path) {
        Ok(mut file) => flood(&mut file, kib),
        Err(error) => misused(&format!("cannot create {path}: {error}")),
    }
}

/// Prints what came of something that may be forbidden.
fn tell<T: Display>(done: io::Result<T>) {
    match done {
        Ok(done) => println!("{done}"),
        Err(error) => println!("no: {error}"),
    }
}

fn udp(address: &str) -> io::Result<&'static str> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(b"x", address)?;
    Ok("sent")
}

fn hail(name: &str) -> io::Result<&'static str> {
    let address = SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&address).map(|_| "hailed")
}

fn prod(pid: i32) -> io::Result<&'static str> {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        misused("no such process")
    };
    rustix::process::test_kill_process(pid)?;
    Ok("prodded")
}

fn close_stdout() {
    let closed = File::open("/dev/null").map(|null| rustix::stdio::dup2_stdout(&null));
    if !matches!(closed, Ok(Ok(()))) {
        misused("cannot close stdout");
    }
}

fn read_stdin() {
    let count = io::copy(&mut io::stdin(), &mut io::sink());
    println!("{}", count.unwrap_or(0));
}

/// The directory that is read for it is closed again before they are looked up.
fn files() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        misused("there is no /proc")
    };
    let paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in paths {
        if let Ok(target) = std::fs::read_link(&path) {
            println!("{} {}", path.file_name().unwrap_or_default().display(), target.display());
        }
    }
}

fn status() {
    for name in ["status", "limits", "cgroup"] {
        println!("{}", std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default());
    }
}
