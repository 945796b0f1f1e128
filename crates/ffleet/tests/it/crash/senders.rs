//! A live sender outlives the server that started it, and so does what is known of those before it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{need, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::crash::engines::{self, is_alive};
use crate::crash::judge;
use crate::fixture::{Room, Server, ffprobe};

const SOON: Duration = Duration::from_secs(60);

/// Takes what one sender sends.
pub(super) struct Receiver(Child);

impl Receiver {
    fn start(url: &str, file: &PathBuf) -> Self {
        let receiver = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-listen", "1", "-f", "flv", "-i", url])
            .args(["-c", "copy", "-y"])
            .arg(file)
            .stderr(Stdio::null())
            .spawn();
        Self(receiver.unwrap())
    }

    fn await_end(&mut self) {
        until(SOON, "the receiver has ended", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended with what was sent to it.
        let _gone = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// A server with a live job, and where that sends to.
pub(super) struct Sending {
    pub(super) server: Server,
    more: Vec<&'static str>,
    job: u64,
    url: String,
}

impl Sending {
    /// Submits a live job for this duration.
    fn submit(room: Room, more: &[&'static str], duration: &str) -> Self {
        // A free port: nobody else takes it between this look and the receiver's start in practice.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("rtmp://127.0.0.1:{port}/live/key");
        let server = Server::open(Arc::new(room), more);
        // A retry that would be charged to the job would be its last.
        let body = json!({
            "input": "test:240p25", "duration": duration, "retries": 0, "outputs": [{"target": url}],
        });
        let job = server.post_job(&body).json()["number"].as_u64().unwrap();
        Self { server, more: more.to_vec(), job, url }
    }

    /// The same with a receiver that hears it.
    fn begin(duration: &str) -> Option<(Self, Receiver, u32)> {
        Self::begin_in(Room::new(), &[], duration)
    }

    pub(super) fn begin_in(
        room: Room,
        more: &[&'static str],
        duration: &str,
    ) -> Option<(Self, Receiver, u32)> {
        if need::ffmpeg().is_none() || need::ffprobe().is_none() {
            return None;
        }
        let sending = Self::submit(room, more, duration);
        let receiver = Receiver::start(&sending.url, &sending.received());
        let sender = sending.await_sender(None);
        sending.await_frames(0);
        Some((sending, receiver, sender))
    }

    fn received(&self) -> PathBuf {
        self.server.room.path("received.flv")
    }

    fn shown(&self) -> Value {
        self.server.call("GET", &format!("/v1/jobs/{}", self.job), b"").json()
    }

    pub(super) fn frames(&self) -> u64 {
        self.shown()["progress"]["frames"].as_u64().unwrap_or(0)
    }

    pub(super) fn await_frames(&self, beyond: u64) {
        until(SOON, "its progress is shown", || self.frames() > beyond);
    }

    /// Waits for a sender that is another one than `before`, and connected: one that is refused is gone
    /// before it has sent anything.
    fn await_sender(&self, before: Option<u32>) -> u32 {
        let mut found = None;
        until(SOON, "it is sending", || {
            let mut senders = engines::at(&self.server, "-live");
            senders.retain(|&pid| Some(pid) != before && is_alive(pid));
            found = senders.pop().filter(|_| self.frames() > 0);
            found.is_some()
        });
        found.unwrap()
    }

    /// What is said of how senders died, and how often.
    fn trouble(&self) -> Option<(String, u64)> {
        let text = self.shown()["progress"]["trouble"].as_str()?.to_owned();
        let times = match text.split_once(" times") {
            None => 1,
            Some((before, _)) => before.rsplit(' ').next()?.parse().ok()?,
        };
        Some((text, times))
    }

    pub(super) fn order(&self, verb: &str) {
        let path = format!("/v1/jobs/{}/{verb}", self.job);
        assert_eq!(self.server.call("POST", &path, b"{}").status, 200, "{verb}");
    }

    /// Kills the server, does something, and starts it again.
    fn killed(self, meanwhile: impl FnOnce()) -> Self {
        self.ended(Server::kill, meanwhile)
    }

    /// Ends the server in this way, does something, and starts it again.
    pub(super) fn ended(
        self,
        end: impl FnOnce(Server) -> Arc<Room>,
        meanwhile: impl FnOnce(),
    ) -> Self {
        let Self { server, more, job, url } = self;
        let room = end(server);
        meanwhile();
        Self { server: Server::open(room, &more), more, job, url }
    }

    /// Waits until it is in this state, all in one attempt, and says what was noted of it.
    pub(super) fn ends(&self, state: &str) -> String {
        let job = self.server.await_state(self.job, state);
        let attempts = job["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{job:#}");
        until(SOON, "no sender is left", || engines::of(&self.server).is_empty());
        attempts[0]["notes"].to_string()
    }
}

#[test]
fn sender_outlives_the_server_and_the_next_one_goes_on_with_it() {
    let Some((sending, mut receiver, sender)) = Sending::begin("20s") else {
        return;
    };
    let before = sending.frames();
    let sending = sending.killed(|| assert!(is_alive(sender), "it goes on alone"));
    sending.await_frames(before);
    assert_eq!(engines::of(&sending.server), [sender], "it is the same process");
    // Twice is no more than once.
    let sending = sending.killed(|| {});
    let notes = sending.ends("completed");
    assert!(!notes.contains("died"), "{notes}");
    assert_eq!(judge::completed_once(&sending.shown()), 0, "it was given out once");
    receiver.await_end();
    let got = ffprobe(&sending.received());
    let seconds: f64 = got["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((19.0..21.5).contains(&seconds), "its audience saw all of it once: {seconds} s");
}

#[test]
fn sender_of_an_earlier_life_is_paused_resumed_and_canceled() {
    let Some((sending, _receiver, sender)) = Sending::begin("10m") else {
        return;
    };
    sending.order("pause");
    sending.server.await_state(sending.job, "paused");
    let since = std::time::Instant::now();
    let sending = sending.killed(|| {});
    sending.server.await_state(sending.job, "paused");
    until(SOON, "the worker has it again", || {
        sending
            .server
            .said()
            .contains("a child of an earlier life is taken over")
    });
    let cpu = || ffleet_testkit::measure::cpu_time(sender).unwrap();
    let before = cpu();
    until(SOON, "some time has passed", || since.elapsed() > Duration::from_secs(3));
    assert_eq!(cpu(), before, "it stands still");
    let still = since.elapsed();
    sending.order("resume");
    sending.server.await_state(sending.job, "running");
    until(SOON, "it runs again", || cpu() > before);
    // Once more, by the life that has not started it.
    sending.order("pause");
    sending.server.await_state(sending.job, "paused");
    sending.order("cancel");
    let notes = sending.ends("canceled");
    assert!(!is_alive(sender) && !notes.contains("died"), "{notes}");
    let paused = sending.shown()["attempts"][0]["usage"]["paused-seconds"]
        .as_f64()
        .unwrap();
    assert!(
        paused >= still.as_secs_f64(),
        "both lives' pauses count: {paused} s of {still:?}"
    );
}

#[test]
fn sender_that_died_while_no_server_was_there_is_started_again() {
    let Some((sending, mut receiver, sender)) = Sending::begin("10m") else {
        return;
    };
    let (url, file) = (sending.url.clone(), sending.received());
    let sending = sending.killed(|| {
        engines::signal(sender, Signal::KILL);
        until(SOON, "it is dead", || !is_alive(sender));
    });
    receiver.await_end();
    let _again = Receiver::start(&url, &file);
    sending.await_sender(Some(sender));
    let (trouble, times) = sending.trouble().expect("that is said");
    assert!(times >= 1 && trouble.contains("the sender died"), "{trouble}");
    sending.order("cancel");
    let notes = sending.ends("canceled");
    assert!(notes.contains("the sender died once"), "{notes}");
}

#[test]
fn deaths_of_senders_are_counted_over_the_death_of_the_server() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    // Nobody listens.
    let sending = Sending::submit(Room::new(), &[], "10m");
    until(SOON, "it was refused three times", || {
        sending.trouble().is_some_and(|(_, times)| times >= 3)
    });
    let sending = sending.killed(|| {});
    let mut next = None;
    until(SOON, "trouble is shown again", || {
        next = sending.trouble();
        next.is_some()
    });
    let (text, times) = next.unwrap();
    assert!(times >= 3 && text.contains("the destination refused"), "{text}");
    sending.order("cancel");
    let notes = sending.ends("canceled");
    assert!(notes.contains("the destination refused"), "{notes}");
}

#[test]
fn sender_that_nobody_came_back_to_in_time_is_started_again() {
    let room = Room::new();
    std::fs::write(room.path("short.yaml"), "lease-term: 3s\n").unwrap();
    let more = ["--config", "short.yaml"];
    let Some((sending, mut receiver, sender)) = Sending::begin_in(room, &more, "10m") else {
        return;
    };
    let (url, file) = (sending.url.clone(), sending.received());
    let sending = sending.killed(|| {
        until(SOON, "its shim has ended it", || !is_alive(sender));
    });
    receiver.await_end();
    let _again = Receiver::start(&url, &file);
    sending.await_sender(Some(sender));
    sending.order("cancel");
    let notes = sending.ends("canceled");
    assert!(notes.contains("its server was away"), "{notes}");
}

#[test]
fn pause_between_two_senders_does_not_count_to_the_duration_in_the_next_life_either() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Room::new();
    std::fs::write(room.path("short.yaml"), "lease-term: 3s\n").unwrap();
    let duration = Duration::from_secs(20);
    // Nobody listens.
    let sending = Sending::submit(room, &["--config", "short.yaml"], "20s");
    until(SOON, "it was refused", || sending.trouble().is_some());
    sending.order("pause");
    sending.server.await_state(sending.job, "paused");
    let since = std::time::Instant::now();
    let sending = sending.killed(|| {});
    sending.server.await_state(sending.job, "paused");
    until(SOON, "its duration would be over", || since.elapsed() > duration);
    let _receiver = Receiver::start(&sending.url, &sending.received());
    sending.order("resume");
    // It would have failed: nothing was sent before.
    let notes = sending.ends("completed");
    assert!(notes.contains("the destination refused"), "{notes}");
    let paused = sending.shown()["attempts"][0]["usage"]["paused-seconds"]
        .as_f64()
        .unwrap();
    assert!(paused >= duration.as_secs_f64(), "{paused} s");
}
