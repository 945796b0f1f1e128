//! A file system that does not answer stops whoever asks for what lies on it, and nobody else.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_api::client::{Action, Error};
use ffleet_api::job::Job;
use ffleet_api::{Code, query, submit};
use ffleet_testkit::need;
use ffleet_types::task::State;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::fixture::{DEADLINE, Fixture};

/// How long a look may take here.
const LIMIT: Duration = Duration::from_secs(1);

/// A user-space file system whose program never says a word.
struct Hung {
    at: PathBuf,
    device: Option<File>,
}

impl Hung {
    /// Nothing where it cannot be made.
    fn mount(at: &Path) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok();
        let mounted = device.filter(|device| {
            let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
            let options = CString::new(options).unwrap();
            mount("hung", at, "fuse", MountFlags::empty(), Some(options.as_c_str())).is_ok()
        });
        need::that("to be root and /dev/fuse", mounted.is_some())
            .then(|| Self { at: at.to_owned(), device: mounted })
    }

    /// Ends every wait for it with an error.
    fn let_go(&mut self) {
        self.device = None;
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.let_go();
        // A test that has failed already has said why.
        let _unmounted = unmount(&self.at, UnmountFlags::DETACH);
    }
}

fn job(fixture: &Fixture, input: &str, target: &str) -> submit::Request {
    submit::Request { input: fixture.media(input).display().to_string(), ..fixture.job(target) }
}

/// Submits; the code and text of the refusal.
async fn refusal(fixture: &Fixture, request: &submit::Request) -> (Code, String) {
    let problem = match fixture.client().submit(request, None).await {
        Err(Error::Refused(problem)) => problem,
        other => panic!("{other:?} instead of a refusal"),
    };
    (problem.code, problem.detail)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_system_that_does_not_answer_stops_no_other_job() {
    let fixture = Fixture::with(|policy| policy.look_limit = LIMIT).await;
    let at = fixture.media("hung");
    std::fs::create_dir(&at).unwrap();
    std::os::unix::fs::symlink(at.join("in.mp4"), fixture.media("link.mp4")).unwrap();
    let Some(mut hung) = Hung::mount(&at) else { return };

    let input = job(&fixture, "hung/in.mp4", "a.mp4");
    let target = fixture.job("hung/out.mp4");
    let link = job(&fixture, "link.mp4", "a.mp4");
    let stuck = async {
        let (first, second, third, fourth) = tokio::join!(
            refusal(&fixture, &input),
            refusal(&fixture, &input),
            refusal(&fixture, &target),
            refusal(&fixture, &target),
        );
        [first, second, third, fourth]
    };
    // Everything that has nothing to do with it goes on while four wait for it.
    let others = async {
        let number = fixture.submit("b.mp4").await;
        let client = fixture.client();
        assert_eq!(client.jobs(&query::Jobs::default()).await.unwrap().jobs.len(), 1);
        let canceled: Job = client.act(number, Action::Cancel).await.unwrap();
        assert_eq!(canceled.summary.state, State::Canceled);
        let alive = fixture.client().nodes().await;
        assert!(alive.is_ok(), "{alive:?}");
    };
    let both = Box::pin(async { tokio::join!(stuck, tokio::time::timeout(LIMIT, others)) });
    let (refused, others) = tokio::time::timeout(DEADLINE, both).await.expect("answers");
    others.expect("all else goes on meanwhile");
    for ((code, detail), path) in refused.iter().zip(["in", "in", "out", "out"]) {
        assert_eq!(*code, Code::PlaceUnavailable, "{detail}");
        assert!(detail.contains(&format!("hung/{path}.mp4")), "{detail}");
        assert!(detail.contains("does not answer"), "{detail}");
    }

    // Four are stuck: the fifth is not waited for. Where a link leads is known to the kernel only.
    let at_once = tokio::time::timeout(LIMIT / 2, refusal(&fixture, &input)).await;
    assert_eq!(at_once.expect("a refusal at once").0, Code::PlaceUnavailable);
    let (code, detail) = refusal(&fixture, &link).await;
    assert!(code == Code::PlaceUnavailable && detail.contains("link.mp4"), "{detail}");

    // Once it answers, what it says counts.
    hung.let_go();
    let answered = async { while refusal(&fixture, &input).await.0 != Code::InputUnusable {} };
    tokio::time::timeout(DEADLINE, answered).await.expect("its answer");
    drop(hung);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_does_not_wait_for_a_file_system_that_does_not_answer() {
    let fixture = Fixture::start().await;
    let at = fixture.media("hung");
    std::fs::create_dir(&at).unwrap();
    ffleet_base::write_atomic(&at.join("in.mp4"), b"media", 0o644).unwrap();
    for name in ["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4", "f.mp4"] {
        fixture
            .client()
            .submit(&job(&fixture, "hung/in.mp4", name), None)
            .await
            .unwrap();
    }
    let dir = fixture.stop().await;
    let Some(hung) = Hung::mount(&at) else { return };
    let started = tokio::time::timeout(DEADLINE, Fixture::on(dir, |_| {})).await;
    let fixture = started.expect("a start");
    assert_eq!(fixture.client().jobs(&query::Jobs::default()).await.unwrap().jobs.len(), 6);
    drop(hung);
    fixture.stop().await;
}
