//! Publishing to servers that are not ours: nginx with its RTMP module, and FFmpeg as a server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ffleet_live::flv::{Kind, Tag};
use ffleet_live::packet::Track;
use ffleet_live::rtmp::{Address, Publisher, State};
use ffleet_testkit::{cpus, need, until};

use crate::clip::{GOP, bytes};
use crate::package::packaged;
use crate::source::{self, Source};

mod nginx;

use nginx::{Nginx, PATIENCE, Running, free_port, read};

/// A session over a socket.
#[derive(Debug)]
struct Session {
    socket: TcpStream,
    publisher: Publisher,
}

impl Session {
    /// Connects, and goes on until the server takes the stream or refuses it.
    fn open(address: &Address, tracks: &[Track]) -> Self {
        let mut socket = None;
        until(PATIENCE, "the server listens", || {
            socket = TcpStream::connect((address.host(), address.port())).ok();
            socket.is_some()
        });
        let socket = socket.unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut session = Self { socket, publisher: Publisher::new(address, 20_261_130, tracks) };
        let begun = Instant::now();
        while let State::Handshake | State::Connecting | State::Creating = session.publisher.state()
        {
            assert!(begun.elapsed() < PATIENCE, "{session:?}");
            session.turn(Duration::from_millis(20));
        }
        session
    }

    /// Sends what is to be sent, and hears what the server says within `span`; false when that has gone.
    fn turn(&mut self, span: Duration) -> bool {
        if let Some(output) = self.publisher.output() {
            self.socket.write_all(&output).unwrap();
        }
        self.socket
            .set_read_timeout(Some(span.max(Duration::from_millis(1))))
            .unwrap();
        let mut bytes = [0; 4096];
        match self.socket.read(&mut bytes) {
            Ok(0) => {
                self.publisher.hung_up();
                return false;
            }
            Ok(long) => self.publisher.receive(&bytes[..long]).unwrap(),
            Err(error) => {
                let is_silence =
                    [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
                assert!(is_silence, "{error}");
            }
        }
        true
    }

    /// Publishes `tags`, each when it is its time, `speed` times as fast as they are shown.
    fn publish(&mut self, tags: &[Tag], speed: u32) {
        let begun = Instant::now();
        let first = tags.iter().find(|tag| !tag.is_header()).unwrap().timestamp();
        for tag in tags {
            let late = if tag.is_header() {
                0
            } else {
                tag.timestamp().wrapping_sub(first)
            };
            let due = begun + Duration::from_millis(u64::from(late)) / speed;
            while let Some(left) =
                due.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
            {
                self.turn(left.min(Duration::from_millis(20)));
            }
            assert_eq!(self.publisher.state(), State::Publishing);
            self.publisher.publish(tag).unwrap();
            self.turn(Duration::ZERO);
        }
    }

    /// Ends the stream, and waits until the server has read it all.
    fn end(mut self) {
        self.publisher.close();
        self.turn(Duration::ZERO);
        self.socket.shutdown(Shutdown::Write).unwrap();
        let begun = Instant::now();
        while self.turn(Duration::from_millis(20)) {
            assert!(begun.elapsed() < PATIENCE, "the server does not close");
        }
    }
}

/// Pictures of several chunks each, with two between those that need no later one, and sound; three seconds.
fn source() -> Option<Source> {
    let video = "-c:v libx264 -preset veryfast -bf 2 -qp 8 -vf scale=640:480,noise=alls=20";
    let flv = bytes(&format!("{video} -c:a aac -ac 2 -ar 44100 {GOP} -t 3 -f flv"))?;
    let source = source::of_flv(&flv);
    let longest = source.packets.iter().map(|(_, packet)| packet.bytes.len()).max();
    assert!(longest.unwrap() > 65_536, "one fills more than a chunk: {longest:?}");
    Some(source)
}

/// The packets of one kind, their times from the first. FFmpeg adds tags for the end of pictures and for their colours.
fn of(kind: Kind, tags: &[Tag]) -> Vec<(u32, &[u8])> {
    let is_added = |tag: &Tag| match *tag.body() {
        [0x92 | 0xa2 | 0xd4, ..] => true,
        [_, 2, ..] => kind == Kind::Video,
        _ => false,
    };
    let is_packet = |tag: &&Tag| tag.kind() == kind && !tag.is_header() && !is_added(tag);
    let packets: Vec<_> = tags.iter().filter(is_packet).collect();
    let first = packets.first().map_or(0, |tag| tag.timestamp());
    packets
        .iter()
        .map(|tag| (tag.timestamp().wrapping_sub(first), tag.body()))
        .collect()
}

/// The same media arrived, each at its time; and every sequence header.
fn arrived(received: &[Tag], sent: &[Tag]) {
    for kind in [Kind::Video, Kind::Audio] {
        let (received_of, sent_of) = (of(kind, received), of(kind, sent));
        assert_eq!(received_of.len(), sent_of.len(), "{kind:?}");
        let wrong = received_of
            .iter()
            .zip(&sent_of)
            .position(|(received, sent)| received != sent);
        let times = wrong.map(|at| (at, received_of[at].0, sent_of[at].0));
        assert_eq!(times, None, "{kind:?}: of which the times are");
        let headers = |tags: &[Tag]| -> Vec<Vec<u8>> {
            let of = tags.iter().filter(|tag| tag.kind() == kind && tag.is_header());
            let mut headers: Vec<_> = of.map(|tag| tag.body().to_vec()).collect();
            headers.dedup();
            headers
        };
        assert_eq!(headers(received), headers(sent), "{kind:?}");
    }
}

/// A decoder complains of nothing.
fn decodes(ffmpeg: &Path, file: &Path) {
    let mut command = Command::new(ffmpeg);
    command.args("-v warning -xerror -threads 1 -i".split(' ')).arg(file);
    let output = command.args("-map 0 -f null -".split(' ')).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
    assert!(output.status.success());
}

#[test]
fn nginx_records_what_is_published() {
    let (Some(nginx), Some(source), Some(ffmpeg)) = (Nginx::start(), source(), need::ffmpeg())
    else {
        return;
    };
    let tags = packaged(&source);
    let mut session = Session::open(&nginx.address("key?query=1"), &source.tracks);
    session.publish(&tags, 4);
    let unknown = session.publisher.unacknowledged();
    session.end();
    let record = source::tags(&nginx.record("key"));
    arrived(&record, &tags);
    decodes(&ffmpeg, &nginx.path("key.flv"));
    let sent: usize = tags.iter().map(|tag| tag.body().len()).sum();
    assert!(unknown < sent as u64 / 2, "it says what it got: {unknown} of {sent} are left");
}

#[test]
fn viewer_of_nginx_gets_what_is_published() {
    let (Some(nginx), Some(source), Some(ffmpeg)) = (Nginx::start(), source(), need::ffmpeg())
    else {
        return;
    };
    let seen = nginx.path("seen.flv");
    let mut command = Command::new(&ffmpeg);
    command.args("-v warning -i".split(' ')).arg(nginx.url("key"));
    let log = std::fs::File::create(nginx.path("viewer")).unwrap();
    let mut viewer =
        Running::new(command.args("-c copy -copyts".split(' ')).arg(&seen).stderr(log));
    nginx.says("play: name='key'");
    let tags = packaged(&source);
    let mut session = Session::open(&nginx.address("key"), &source.tracks);
    session.publish(&tags, 1);
    session.end();
    viewer.ends("the viewer is told of the end");
    assert_eq!(String::from_utf8_lossy(&read(&nginx.path("viewer"))), "");
    arrived(&source::tags(&read(&seen)), &tags);
    decodes(&ffmpeg, &seen);
}

#[test]
fn second_publisher_of_a_name_is_refused() {
    let (Some(nginx), Some(source)) = (Nginx::start(), source()) else {
        return;
    };
    let address = nginx.address("key");
    let first = Session::open(&address, &source.tracks);
    assert_eq!(first.publisher.state(), State::Publishing);
    let second = Session::open(&address, &source.tracks);
    let State::Refused(refusal) = second.publisher.state() else {
        panic!("{second:?}")
    };
    assert!(refusal.is_taken(), "{refusal}");
    first.end();
    let third = Session::open(&address, &source.tracks);
    assert_eq!(third.publisher.state(), State::Publishing, "the name is free again");
}

#[test]
fn application_that_there_is_not_is_a_refusal() {
    let Some(nginx) = Nginx::start() else { return };
    let address = nginx.url("key").replace("/live/", "/other/").parse().unwrap();
    let session = Session::open(&address, &[]);
    assert!(matches!(session.publisher.state(), State::Refused(_)), "{session:?}");
}

#[test]
fn times_pass_24_and_32_bits() {
    let (Some(nginx), Some(source)) = (Nginx::start(), source()) else {
        return;
    };
    for (name, from) in [("long", 0xff_ffff - 1000), ("wrap", u32::MAX - 1000)] {
        let later = |tag: &Tag| {
            Tag::new(tag.kind(), tag.timestamp().wrapping_add(from), tag.body().to_vec()).unwrap()
        };
        let tags: Vec<_> = packaged(&source).iter().map(later).collect();
        let mut session = Session::open(&nginx.address(name), &source.tracks);
        session.publish(&tags, 10);
        session.end();
        arrived(&source::tags(&nginx.record(name)), &tags);
    }
}

/// Publishes to an FFmpeg that listens; answers what it wrote.
fn to_ffmpeg(ffmpeg: &Path, source: &Source) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("rtmp://127.0.0.1:{}/live/key", free_port());
    let mut command = Command::new(ffmpeg);
    command.args("-v error -listen 1 -i".split(' ')).arg(&url);
    let file = dir.path().join("seen.flv");
    // It says that the connection has ended.
    command
        .args("-c copy -copyts".split(' '))
        .arg(&file)
        .stderr(Stdio::null());
    let mut server = Running::new(&mut command);
    let mut session = Session::open(&url.parse().unwrap(), &source.tracks);
    session.publish(&packaged(source), 4);
    session.end();
    server.ends("FFmpeg is told of the end");
    decodes(ffmpeg, &file);
    read(&file)
}

#[test]
fn ffmpeg_as_a_server_gets_what_is_published() {
    let (Some(source), Some(ffmpeg)) = (source(), need::ffmpeg()) else {
        return;
    };
    arrived(&source::tags(&to_ffmpeg(&ffmpeg, &source)), &packaged(&source));
}

#[test]
fn recent_ffmpeg_as_a_server_gets_h265() {
    let x265 =
        "-preset ultrafast -bf 0 -x265-params aud=1:log-level=none:pools=none:frame-threads=1";
    let Some(stream) = bytes(&format!("-c:v libx265 {x265} {GOP} -t 3 -f hevc")) else {
        return;
    };
    let Some(ffmpeg) = cpus::new_ffmpeg() else { return };
    let source = source::of_hevc(&stream, 3600);
    let received = source::tags(&to_ffmpeg(&ffmpeg, &source));
    let (received, sent) = (of_h265(&received), of_h265(&packaged(&source)));
    assert_eq!(sent.len(), 75);
    assert!(received == sent, "pictures and their times");
}

/// The pictures of H.265 with their times, whichever of its two forms a tag has: one is without an offset of zero.
fn of_h265(tags: &[Tag]) -> Vec<(u32, Vec<u8>)> {
    let plain = |body: &[u8]| match body {
        [head, b'h', b'v', b'c', b'1', 0, 0, 0, units @ ..] if head & 0x0f == 1 => {
            [&[head & 0xf0][..], units].concat()
        }
        [head, b'h', b'v', b'c', b'1', units @ ..] if head & 0x0f == 3 => {
            [&[head & 0xf0][..], units].concat()
        }
        _ => panic!("{:x?}", &body[..8]),
    };
    of(Kind::Video, tags)
        .into_iter()
        .map(|(time, body)| (time, plain(body)))
        .collect()
}
