//! The test's own program, run again as a child that can be killed or looked at.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ffleet_base::chain;
use ffleet_store::{Error, Store};
use ffleet_types::JobId;

use crate::kit::{claim, completed, job, open};

/// Names the directory of the child's store; without it there is no child.
const DIR: &str = "FFLEET_STORE_CHILD";
/// How many jobs the child takes through their lives; as many as it can, if this is not set.
const JOBS: &str = "FFLEET_STORE_CHILD_JOBS";

/// The command that runs [`child_of_other_tests`] in a process of its own, after `wrapper`.
pub(crate) fn command(wrapper: &[&str], dir: &Path, jobs: Option<u64>) -> Command {
    let own = std::env::current_exe().unwrap();
    let words = wrapper
        .iter()
        .map(std::ffi::OsString::from)
        .chain([own.into_os_string()]);
    let mut words = words.collect::<Vec<_>>().into_iter();
    #[expect(clippy::disallowed_methods, reason = "a test starts itself again to be killed")]
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--exact", "child::child_of_other_tests", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped());
    if let Some(jobs) = jobs {
        command.env(JOBS, jobs.to_string());
    }
    command
}

pub(crate) fn spawn(dir: &Path) -> Child {
    command(&[], dir, None).spawn().unwrap()
}

/// Says that a verb was acknowledged, past every buffer.
fn say(verb: &str, job: JobId) {
    tell(&format!("acknowledged {verb} {job}\n"));
}

fn tell(line: &str) {
    // The parent may have gone: then there is nothing left to do.
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        std::process::abort();
    }
}

/// Takes a job through its life, and says so at each step.
async fn live(store: &Store, name: u64) -> Result<(), Error> {
    let new = job(name);
    let id = new.id;
    store.submit(vec![new]).await?.remove(0).unwrap();
    say("submit", id);
    store.claim(vec![claim(id, 1)]).await?.remove(0).map(drop).unwrap();
    say("claim", id);
    store.finish(vec![completed(id, 1)]).await?.remove(0).map(drop).unwrap();
    say("finish", id);
    Ok(())
}

#[test]
#[ignore = "it is the child of other tests"]
fn child_of_other_tests() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let jobs = std::env::var_os(JOBS)
        .map_or(u64::MAX, |text| text.into_string().unwrap().parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let store = open(Path::new(&dir));
    let first = store.counts().iter().map(|(_, count)| count).sum::<u64>() * 10;
    runtime.block_on(async {
        // Several at once, so that groups hold more than one call. A single one, where each
        // acknowledgement is to be seen by itself.
        let callers = if jobs == u64::MAX { 8 } else { 1 };
        let turns: Vec<_> = (0..callers)
            .map(|caller| {
                let store = store.clone();
                tokio::spawn(async move {
                    for turn in 0..jobs {
                        let name = first + 10 + turn * callers + caller;
                        if let Err(error) = live(&store, name).await {
                            tell(&format!("failed: {}\n", chain(&error)));
                            let again = store.writable().await.map_err(|error| chain(&error));
                            tell(&format!("and then: {again:?}\n"));
                            return;
                        }
                    }
                })
            })
            .collect();
        for turn in turns {
            turn.await.unwrap();
        }
        store.close().await.unwrap();
    });
}
