//! Starting a child: its surroundings, its pipes, its walls, and who is to hold it.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffleet_base::{Clock, chain};
use rustix::fs::{Access, access};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;

use super::{Node, SHIMS, held};
use crate::cgroup::{Base, Group};
use crate::child::{Birth, Child, Moment, Pipes};
use crate::error::SpawnError;
use crate::launch::{Doors, Failure, Launch, Stack, Step, above_given, above_stdio, cpu_set};
use crate::sandbox::{Sandbox, SandboxError, Walls};
use crate::seats::Seat;
use crate::shim::Place;
use crate::shim::wire::Begin;
use crate::spawner::Spawner;
use crate::spec::{ChildSpec, Limits, Stderr, Stdin, Stdout, Tie};
use crate::tree::Tree;
use crate::{process, stderr};

/// Where programs are looked up if the environment does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Node {
    /// Starts a child, in its own session, process group and cgroup, and returns when its program
    /// runs. Must be called in a tokio runtime, which sees the child to its end.
    ///
    /// # Errors
    ///
    /// If the program is not there, or anything that was asked for does not hold; nothing of
    /// the child is left then.
    pub async fn spawn(&self, mut spec: ChildSpec) -> Result<Child, SpawnError> {
        if !spec.is_well_named() {
            return Err(SpawnError::Name(spec.name));
        }
        spec.check_descriptors()?;
        let program = self.find(&spec.program)?;
        let seat = match spec.seat.take() {
            Some(seat) => seat,
            None => {
                let refused = |refusal| SpawnError::NoSeat(program.clone(), refusal);
                self.seat(&spec.role, spec.limits.clone()).await.map_err(refused)?
            }
        };
        let role = seat.group().clone();
        let started = self.start(spec, program, seat).await;
        if started.is_err() {
            self.role_failed(&role);
        }
        started
    }

    /// Starts a child that has its seat.
    async fn start(
        &self,
        spec: ChildSpec,
        program: PathBuf,
        seat: Seat,
    ) -> Result<Child, SpawnError> {
        let limits = seat.limits().clone();
        let marks = self.marks(&spec.name);
        let ChildSpec { name, args, cwd, mut env, stdin, stdout, stderr, nice, tie, .. } = spec;
        let walls = self.walls(&program, spec.sandbox).await?;
        self.surround(&mut env, &marks);
        let failed = |source| SpawnError::Pipes(program.clone(), source);
        let flow = held::flow(&stdout);
        let has_stdin = matches!(stdin, Stdin::From(_));
        let (stdin, stdout) =
            (self.stdin(stdin).map_err(failed)?, self.stdout(stdout).map_err(failed)?);
        let given = given(spec.given).map_err(failed)?;
        let error = pipe().map_err(failed)?;
        let launch = Launch {
            program: text(program.clone().into_os_string())?,
            argv: argv(&program, args)?,
            envp: envp(env)?,
            cwd: text(cwd.into_os_string())?,
            stdio: [stdin, stdout.0, error.0],
            given,
            nice,
            file_size: limits.file_size.map(|bytes| bytes.0),
            cpus: limits.cpus.as_ref().map(|cpus| cpu_set(cpus.iter().copied())),
            walls,
            tied: true,
        };
        let log = match (&stderr, tie) {
            (Stderr::Pipe, Tie::Shim) => return Err(SpawnError::PipedFromShim(name)),
            (Stderr::Log { path, cap }, _) => Some((path.clone(), cap.0)),
            (Stderr::Tail | Stderr::Pipe, _) => None,
        };
        if tie == Tie::Shim {
            let cpus = limits.cpus.as_ref().map(|cpus| cpus.iter().copied().collect());
            let place = Place::new(&self.options.root.join(SHIMS), &name);
            let mut begin = Begin::of(&launch, cpus, (name.clone(), seat.promise(), place));
            (begin.stdin, begin.stdout) = (has_stdin, flow);
            begin.held = spec.held.keys().cloned().collect();
            (begin.log, begin.note) = (log, spec.note);
            let stdout = stdout.1;
            let held = spec.held.into_values().collect();
            let wanted =
                held::Wanted { name, program, limits, begin, marks, launch, stdout, held, seat };
            return self.spawn_held(wanted).await;
        }
        let start = Start {
            launch,
            program: program.clone(),
            name: name.clone(),
            limits,
            base: Arc::clone(&self.base),
            marks: marks.into_iter().map(|(name, value)| joined(name, &value)).collect(),
            spawner: self.spawner.clone(),
            clock: Arc::clone(&self.options.clock),
        };
        // Whoever waits for this may go at any moment. The node waits until what was started is gone.
        let keep = self.keep_of(Some(seat));
        let started = self.spawner.run(move |stack| {
            let (tree, executed) = start.start(stack)?;
            Ok::<_, SpawnError>((tree, executed, keep))
        });
        let (tree, executed, keep) = started.await??;
        let pipes = pipes(stdout.1, error.1, stderr).map_err(failed)?;
        let birth = Birth { executed, clock: Arc::clone(&self.options.clock), keep };
        Child::adopt(name, tree, birth, pipes).map_err(failed)
    }

    /// The walls of a child, built where their files may be waited for.
    async fn walls(
        &self,
        program: &Path,
        sandbox: Option<Sandbox>,
    ) -> Result<Option<Walls>, SpawnError> {
        let Some(sandbox) = sandbox else {
            return Ok(None);
        };
        let (means, at) = (Arc::clone(&self.means), program.to_owned());
        let built = tokio::task::spawn_blocking(move || means.walls(&at, &sandbox)).await;
        let failed = |error| SpawnError::Sandbox(program.to_owned(), error);
        built
            .unwrap_or_else(|error| Err(SandboxError::Refused(error.to_string())))
            .map(Some)
            .map_err(failed)
    }

    /// The file of a program; a bare name is looked up in `PATH`.
    fn find(&self, program: &Path) -> Result<PathBuf, SpawnError> {
        if program.components().count() > 1 || program.is_absolute() {
            return Ok(program.to_owned());
        }
        let path = self.options.env.var("PATH").unwrap_or_else(|| OsStr::new(PATH));
        std::env::split_paths(path)
            .map(|dir| dir.join(program))
            .find(|file| file.is_file() && access(file, Access::EXEC_OK).is_ok())
            .ok_or_else(|| SpawnError::NotFound(program.to_owned()))
    }

    /// What a child's processes can be found by.
    fn marks(&self, name: &str) -> [(&'static str, OsString); 2] {
        [
            (process::INSTANCE, self.instance.to_string().into()),
            (process::CHILD, name.to_owned().into()),
        ]
    }

    /// Adds what every child's environment has; what was asked for goes before the defaults, and
    /// our marks before all.
    fn surround(
        &self,
        env: &mut BTreeMap<OsString, OsString>,
        marks: &[(&'static str, OsString); 2],
    ) {
        let ours = &self.options.env;
        let path = ours.var("PATH").unwrap_or_else(|| OsStr::new(PATH));
        let defaults = [
            ("PATH", Some(path)),
            ("HOME", ours.var("HOME")),
            ("LANG", Some("C.UTF-8".as_ref())),
        ];
        for (name, value) in defaults {
            if let Some(value) = value {
                env.entry(name.into()).or_insert_with(|| value.to_owned());
            }
        }
        for (name, value) in marks {
            env.insert((*name).into(), value.clone());
        }
    }

    pub(super) fn null(&self) -> io::Result<OwnedFd> {
        above_stdio(self.null.try_clone()?)
    }

    fn stdin(&self, stdin: Stdin) -> io::Result<OwnedFd> {
        match stdin {
            Stdin::Null => self.null(),
            Stdin::From(fd) => above_stdio(fd),
        }
    }

    /// The child's end, and ours.
    fn stdout(&self, stdout: Stdout) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
        match stdout {
            Stdout::Null => Ok((self.null()?, None)),
            Stdout::File(file) => Ok((above_stdio(file.into())?, None)),
            Stdout::Pipe => pipe().map(|(theirs, ours)| (theirs, Some(ours))),
        }
    }
}

/// A child that is about to be started, as the spawner's thread gets it.
struct Start {
    launch: Launch,
    program: PathBuf,
    name: String,
    limits: Limits,
    base: Arc<Base>,
    marks: Vec<OsString>,
    spawner: Spawner,
    clock: Arc<dyn Clock>,
}

impl Start {
    fn start(self, stack: &mut Stack) -> Result<(Tree, Moment), SpawnError> {
        let unbounded = |source| SpawnError::Cgroup(self.program.clone(), source);
        let group = if self.base.is_empty() {
            None
        } else {
            Some(Group::create(self.base.sites(), &self.name, &self.limits).map_err(unbounded)?)
        };
        let doors = group
            .as_ref()
            .map_or(Ok(Doors::default()), Group::doors)
            .map_err(unbounded);
        let launched = doors.and_then(|doors| {
            self.launch
                .start(&doors, stack)
                .map_err(|failure| refused(&self.program, failure))
        });
        match launched {
            Ok(launched) => {
                let executed = Moment::now(self.clock.as_ref());
                let needs = Some((self.spawner, self.base));
                Ok((Tree::new(launched, group, self.marks, needs), executed))
            }
            Err(error) => {
                if let Some(Err(error)) = group.map(|group| group.remove()) {
                    tracing::warn!(error = %chain(&error), "a cgroup is left");
                }
                Err(error)
            }
        }
    }
}

pub(super) fn refused(program: &Path, failure: Failure) -> SpawnError {
    let Failure { step, source } = failure;
    if step == Step::Exec && source.kind() == io::ErrorKind::NotFound {
        return SpawnError::NotFound(program.to_owned());
    }
    SpawnError::Refused { program: program.to_owned(), step: step.purpose(), source }
}

fn argv(program: &Path, args: Vec<OsString>) -> Result<Vec<CString>, SpawnError> {
    [program.as_os_str().to_owned()]
        .into_iter()
        .chain(args)
        .map(text)
        .collect()
}

fn envp(env: BTreeMap<OsString, OsString>) -> Result<Vec<CString>, SpawnError> {
    let joined = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        text(name)
    };
    env.into_iter().map(joined).collect()
}

/// What a child is given, where no number of it is in the way.
fn given(fds: BTreeMap<u8, OwnedFd>) -> io::Result<Vec<(i32, OwnedFd)>> {
    let moved = |(number, fd): (u8, OwnedFd)| Ok((number.into(), above_given(fd)?));
    fds.into_iter().map(moved).collect()
}

/// The writing end for a child, and the reading end for us.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((above_stdio(write)?, read))
}

/// Hands out the reading ends, and has standard error read.
fn pipes(stdout: Option<OwnedFd>, error: OwnedFd, stderr: Stderr) -> io::Result<Pipes> {
    let stdout = stdout.map(Receiver::from_owned_fd).transpose()?;
    let error = Receiver::from_owned_fd(error)?;
    let mut pipes = Pipes { stdout, ..Pipes::default() };
    let log = match stderr {
        Stderr::Pipe => {
            pipes.stderr = Some(error);
            return Ok(pipes);
        }
        Stderr::Tail => None,
        Stderr::Log { path, cap } => Some((path, cap)),
    };
    // Its owner is the child's task, which waits for it or stops it.
    pipes.reader = Some(tokio::spawn(stderr::read(error, pipes.said.clone(), log)));
    Ok(pipes)
}

pub(super) fn text(text: OsString) -> Result<CString, SpawnError> {
    CString::new(text.into_vec())
        .map_err(|error| SpawnError::ZeroByte(OsStr::from_bytes(&error.into_vec()).to_owned()))
}

pub(super) fn joined(name: &str, value: &OsStr) -> OsString {
    let mut joined = OsString::from(name);
    joined.push("=");
    joined.push(value);
    joined
}
