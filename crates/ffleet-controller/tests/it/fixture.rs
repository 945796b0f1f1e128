//! A server to test, and what speaks to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::bench::{Boxed, Found, Line, Place, Rehearsal, Search, Trouble, Workbench};
use ffleet_api::{Client, submit};
use ffleet_base::{Clock, Secret, SystemClock, chance};
use ffleet_controller::http::Tls;
use ffleet_controller::{Controller, Key, Parts, Policy, Server};
use ffleet_media::{Probe, Source, Spec};
use ffleet_store::Store;
use ffleet_trust::Authority;
use ffleet_types::job::Limits;
use ffleet_types::sample::{Load, Phase, Point, Sample, Sums};
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Reason, RoleGroup, TaskId, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long anything may take that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Fixture {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) controller: Controller,
    pub(crate) address: SocketAddr,
    pub(crate) key: Secret,
    /// Where other machines come, if they do, and who signs what they show.
    pub(crate) outside: Option<(SocketAddr, Arc<Authority>)>,
    server: JoinHandle<()>,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose policy `change` has changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let dir = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        std::fs::create_dir(dir.path().join("media")).unwrap();
        Self::on(Arc::new(dir), change).await
    }

    /// A server on what an earlier one has left.
    pub(crate) async fn on(dir: Arc<TempDir>, change: impl FnOnce(&mut Policy)) -> Self {
        Self::begin(dir, change, None).await
    }

    /// One that other machines reach as well, at another port.
    pub(crate) async fn outside(dir: Arc<TempDir>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let authority = Authority::open(&dir.path().join("authority.pem"), clock.now()).unwrap();
        let authority = Arc::new(authority);
        let names = vec!["127.0.0.1".to_owned()];
        let tls = Tls::open(None, Arc::clone(&authority), names, clock).unwrap();
        Self::begin(dir, |_| {}, Some((authority, Arc::new(tls)))).await
    }

    async fn begin(
        dir: Arc<TempDir>,
        change: impl FnOnce(&mut Policy),
        outside: Option<(Arc<Authority>, Arc<Tls>)>,
    ) -> Self {
        let state = dir.path().join("state");
        let store = Store::open(&state, ffleet_store::Options::default()).unwrap();
        let key = chance::key();
        let keys = vec![Key { name: "local".into(), hash: key.hash() }];
        let mut policy = Policy::new(state, keys);
        change(&mut policy);
        let parts = Parts {
            store,
            clock: Arc::new(SystemClock),
            policy,
            presets: [("ours".to_owned(), ffleet_media::Recipe::default())].into(),
        };
        let controller = Controller::start(parts).await.unwrap();
        controller.attach(Arc::new(Bench { logs: dir.path().join("media") }));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let door = outside.as_ref().map(|(_, tls)| (any, Arc::clone(tls)));
        let server = Server::bind(controller.clone(), any, door).await.unwrap();
        let address = server.address();
        let outside = outside.map(|(authority, _)| {
            controller.attach_authority(Arc::clone(&authority));
            (server.outside().unwrap(), authority)
        });
        let server = tokio::spawn(server.run());
        Self { dir, controller, address, key, outside, server }
    }

    /// Stops the server, and gives its directory for the next.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.controller.shutdown().await.unwrap();
        tokio::time::timeout(DEADLINE, self.server).await.unwrap().unwrap();
        self.dir
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address), Some(self.key.clone())).unwrap()
    }

    /// A path for media.
    pub(crate) fn media(&self, name: &str) -> PathBuf {
        self.dir.path().join("media").join(name)
    }

    /// A job that makes `name` of a test picture.
    pub(crate) fn job(&self, name: &str) -> submit::Request {
        submit::Request {
            input: "test:720p30".into(),
            outputs: vec![submit::Output {
                target: self.media(name).display().to_string(),
                preset: Some("480p-h264".into()),
                ..submit::Output::default()
            }],
            ..submit::Request::default()
        }
    }

    /// Submits that job; its number.
    pub(crate) async fn submit(&self, name: &str) -> ffleet_types::JobRef {
        let accepted = self.client().submit(&self.job(name), None).await.unwrap();
        ffleet_types::JobRef::Number(accepted.number())
    }
}

/// The node that the workbench is of.
pub(crate) fn bench_node() -> NodeId {
    NodeId::from_parts(1_769_860_800_000, 7)
}

/// A workbench that finds every file to be MP4 and has one log.
struct Bench {
    logs: PathBuf,
}

impl Bench {
    fn log(&self, attempt: AttemptId) -> PathBuf {
        self.logs.join(format!("{attempt}.log"))
    }
}

impl Workbench for Bench {
    fn probe(&self, source: Source) -> Boxed<'_, Result<Probe, Trouble>> {
        Box::pin(async move {
            match source {
                Source::Url(_) => Err(Trouble {
                    reason: Reason::InputError,
                    message: "nobody answers there".into(),
                }),
                _ => Ok(Probe { format: "mp4".into(), ..Probe::default() }),
            }
        })
    }

    fn rehearse(&self, spec: Spec) -> Boxed<'_, Result<Rehearsal, Trouble>> {
        Box::pin(async move {
            Ok(Rehearsal {
                probe: None,
                commands: vec![vec!["ffmpeg".into(), spec.input.to_string()]],
                limits: Limits::default(),
                given: Vec::new(),
                notes: Vec::new(),
                predicted_cpu_seconds: None,
            })
        })
    }

    fn logs(&self, attempt: AttemptId) -> Vec<PathBuf> {
        Some(self.log(attempt))
            .filter(|path| Path::exists(path))
            .into_iter()
            .collect()
    }

    fn search(&self, search: Search) -> Boxed<'_, Result<Found, Trouble>> {
        // It has one line, of the job that is asked for.
        let line = |job: JobId| Line {
            place: Place {
                at: search.until,
                attempt: AttemptId { task: TaskId::whole(job), fence: Fence::FIRST },
                child: 2,
                offset: 0,
            },
            phase: "encode".into(),
            text: format!("{} since {}", search.text, search.since.as_millis()),
        };
        let lines: Vec<_> = search.job.map(line).into_iter().collect();
        Box::pin(async move { Ok(Found { lines, more: false, complete: true }) })
    }

    fn samples(&self, _: AttemptId) -> Vec<Point> {
        let second = |second: u64| Sample {
            at: Timestamp::from_millis(1_769_860_800_000 + second * 1_000),
            processes: 1,
            threads: 14,
            resident: Bytes::mib(80),
            memory: None,
            sums: Sums { seen: 1, cpu: Some(second * 1_500_000), ..Sums::default() },
        };
        let point = |at| Point { child: 2, phase: Phase::Encode, sample: second(at) };
        (0..3).map(point).collect()
    }

    fn loads(&self) -> Option<(NodeId, Vec<Load>)> {
        let encode = Load {
            children: 1,
            started: 7,
            threads: 14,
            ..Load::new(RoleGroup::named("encode"))
        };
        Some((bench_node(), vec![Load::new(RoleGroup::named("probe")), encode]))
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        match self.logs.join("broken").exists() {
            true => Err(vec!["the engine is not proven".into()]),
            false => Ok(()),
        }
    }
}
