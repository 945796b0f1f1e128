//! The roles of one process: started from the inside out, stopped from the outside in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::bench::Workbench as _;
use ffleet_api::event::LoginLink;
use ffleet_base::{Clock, SystemClock, chain};
use ffleet_config::config;
use ffleet_controller::http::{Files, ListenError, Tls, TlsError};
use ffleet_controller::{Controller, Server};
use ffleet_gateway::{Equipment, Gateway};
use ffleet_guard::Node;
use ffleet_media::Recipe;
use ffleet_store::Store;
use ffleet_trust::Authority;
use ffleet_types::Cpu;
use ffleet_worker::{Left, Worker};
use tokio::task::JoinHandle;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::registration;
use crate::serve::Again;
use crate::serve::bench::Bench;
use crate::serve::board::{self, Board};
use crate::serve::home::Home;
use crate::serve::setting::Setting;
use crate::serve::totals::Kept;
use crate::serve::{database, effective, fault, wiring};

/// How long children may take to be gone once the worker has stopped.
const CHILDREN: Duration = Duration::from_secs(10);

/// The file in the data directory that holds the fleet's certificate authority, key included.
const AUTHORITY: &str = "authority.pem";

/// The roles, under way.
#[derive(Debug)]
pub(super) struct Roles {
    controller: Controller,
    worker: Worker,
    gateway: Gateway,
    bench: Arc<Bench>,
    board: Arc<Board>,
    totals: Kept,
    node: Arc<Node>,
    http: JoinHandle<()>,
    /// Where other machines are listened to.
    pub(super) outside: Option<SocketAddr>,
    /// Where it listens, such as `http://127.0.0.1:8420`.
    pub(super) address: String,
    /// The port alone.
    pub(super) port: u16,
}

impl Roles {
    /// Starts them all. What was started is stopped again if the rest cannot be.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    pub(super) async fn start(
        again: &Again,
        setting: &Setting,
        presets: BTreeMap<String, Recipe>,
        home: &Home,
    ) -> Result<Self, Failure> {
        let (context, config) = (&again.context, &setting.config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let observer = fault::observer(&context.env)?;
        let outside = certificate(setting, home, &clock)?;
        let tls = outside.as_ref().map(|outside| Arc::clone(&outside.tls));
        let wanted = wiring::worker(config, home, &context.env)?;
        let node = Node::open(wiring::guard(config, home, context, &clock));
        let node = Arc::new(node.map_err(|error| Failure::local(&error))?);
        let gateway = Gateway::open(ffleet_gateway::Parts {
            node: Arc::clone(&node),
            clock: Arc::clone(&clock),
            options: wiring::gateway(setting, home, context)?,
        });
        let gateway = gateway.map_err(|error| Failure::local(&error))?;
        let store = Store::open(&database(config), ffleet_store::Options::default())
            .map_err(|error| Failure::local(&error))?;
        let known = store.totals().await.map_err(|error| Failure::local(&error))?;
        let declared = store.declared().await.map_err(|error| Failure::local(&error))?;
        let encoders = presets.clone();
        let controller = Controller::start(ffleet_controller::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            policy: wiring::policy(config, home),
            presets,
        });
        let controller = controller.await.map_err(|error| Failure::local(&error))?;
        equipped(&controller, setting, outside);
        let (server, worker) =
            match Self::open(context, setting, (&controller, tls.clone()), async {
                Worker::start(ffleet_worker::Parts {
                    controller: controller.clone(),
                    node: Arc::clone(&node),
                    clock: Arc::clone(&clock),
                    observer,
                    config: wanted,
                })
            })
            .await
            {
                Ok(open) => open,
                Err(failure) => {
                    close(controller).await;
                    return Err(failure);
                }
            };
        // Ends with the proof of the engine, or with the worker.
        tokio::spawn(equip(worker.clone(), gateway.clone(), encoders));
        let bench = Arc::new(Bench::new(worker.clone()));
        controller.attach(Arc::<Bench>::clone(&bench));
        controller.attach_front(Arc::new(gateway.clone()));
        gateway.recall(known.clone());
        let totals = Kept::start(store.clone(), gateway.clone(), Arc::clone(&clock), known);
        let parts = board::Parts {
            again: again.clone(),
            store,
            gateway: gateway.clone(),
            controller: controller.clone(),
            clock,
            tls,
            shown: effective::json(config),
        };
        let board = Board::open(parts, setting.clone(), declared);
        controller.attach_declarations(Arc::<Board>::clone(&board));
        let address = server.address();
        Ok(Self {
            controller,
            worker,
            gateway,
            bench,
            board,
            totals,
            node,
            outside: server.outside(),
            address: format!("http://{address}"),
            port: address.port(),
            // Ends when the controller does; `stop` waits for it.
            http: tokio::spawn(server.run()),
        })
    }

    async fn open(
        context: &Context,
        setting: &Setting,
        (controller, tls): (&Controller, Option<Arc<Tls>>),
        worker: impl Future<Output = Result<Worker, ffleet_worker::OpenError>>,
    ) -> Result<(Server, Worker), Failure> {
        let at = setting.config.tls.as_ref().map(|tls| tls.listen);
        let server = Server::bind(controller.clone(), setting.config.listen, at.zip(tls))
            .await
            .map_err(|error| cannot_listen(context, setting, &error))?;
        let worker = worker.await.map_err(|error| Failure::local(&error))?;
        Ok((server, worker))
    }

    /// Reads the configuration again, beside everything else.
    pub(super) fn reload(&self) {
        let board = Arc::clone(&self.board);
        // Ends with the reading; the board lets go of everything before the gateway closes.
        tokio::spawn(async move { board.read_again().await });
    }

    /// What keeps the server from working; nothing if it can.
    pub(super) fn problems(&self) -> Vec<String> {
        self.worker.ready().err().unwrap_or_default()
    }

    /// A link that opens the dashboard once.
    pub(super) fn login_link(&self) -> Option<LoginLink> {
        self.controller.login_link()
    }

    /// The worker, which may have to stop at once although all of them are stopping.
    pub(super) fn worker(&self) -> Worker {
        self.worker.clone()
    }

    /// The gateway, which may have to let go of everything at once.
    pub(super) fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Lets running work end for as long as it was given, stops everything, and says what it left running: jobs, and
    /// feeds.
    pub(super) async fn stop(self) -> (Left, Vec<String>) {
        let Self { controller, worker, gateway, bench, board, totals, node, http, .. } = self;
        controller.rest();
        board.close().await;
        let (left, feeds) = if gateway.leaves() {
            // Whoever watches goes on while work is waited for, and what feeds leave is not alone for longer than it must.
            (worker.stop().await, gateway.leave().await)
        } else {
            let feeds = gateway.leave().await;
            (worker.stop().await, feeds)
        };
        totals.finish().await;
        drop(gateway);
        bench.close();
        drop(worker);
        close(controller).await;
        if let Err(error) = http.await {
            tracing::error!(%error, "the HTTP server did not end as it should");
        }
        if tokio::time::timeout(CHILDREN, node.idle()).await.is_err() {
            tracing::error!(
                children = node.children(),
                "children are left; the next start ends them"
            );
        }
        (left, feeds)
    }
}

/// Lets the gateway encode, as soon as there is an engine.
async fn equip(worker: Worker, gateway: Gateway, presets: BTreeMap<String, Recipe>) {
    if let Some(engine) = worker.engine().await {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cpu = Cpu::whole(u32::try_from(cpus).unwrap_or(u32::MAX));
        gateway.equip(Equipment { engine, presets, cpu });
    }
}

async fn close(controller: Controller) {
    if let Err(error) = controller.shutdown().await {
        tracing::error!(error = chain(&error), "the store was not closed tidily; nothing is lost");
    }
}

/// Gives the controller what it is asked about beside its store.
fn equipped(controller: &Controller, setting: &Setting, outside: Option<Outside>) {
    if let Some(Outside { authority, .. }) = outside {
        controller.attach_authority(authority);
    }
    if let Some(voyandz) = &setting.voyandz {
        controller.show_voyandz(voyandz.clone());
    }
}

/// What other machines are shown, and who lets them join.
struct Outside {
    authority: Arc<Authority>,
    tls: Arc<Tls>,
}

/// The same, where other machines are listened to.
fn certificate(
    setting: &Setting,
    home: &Home,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Outside>, Failure> {
    let Some(config::Tls { listen, files }) = &setting.config.tls else {
        return Ok(None);
    };
    let authority = Authority::open(&home.path.join(AUTHORITY), clock.now());
    let authority = Arc::new(authority.map_err(|error| Failure::local(&error))?);
    let files = files
        .as_ref()
        .map(|files| Files { certificate: files.certificate.clone(), key: files.key.clone() });
    let mut names = setting.config.names.clone();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if !listen.ip().is_unspecified() {
        names.push(listen.ip().to_string());
    }
    let tls = Tls::open(files, Arc::clone(&authority), names, Arc::clone(clock));
    let tls = tls.map_err(|error| {
        let failure = Failure::local(&error);
        match error {
            TlsError::Own(_) => failure,
            _ => failure.hint("the files are those of `tls.certificate` and `tls.key`"),
        }
    })?;
    Ok(Some(Outside { authority, tls: Arc::new(tls) }))
}

/// Why there is no listening, and who is there already where that is known.
fn cannot_listen(context: &Context, setting: &Setting, error: &ListenError) -> Failure {
    let ListenError::Taken { address, .. } = error else {
        return Failure::local(error);
    };
    let port = address.port();
    let ends = format!(":{port}");
    let elsewhere = match setting.voyandz {
        Some(_) => "choose another `listenport` in the file",
        None => "choose another address with --listen 127.0.0.1:PORT; port 0 takes a free one",
    };
    let servers = context
        .runtime_dir()
        .map(|dir| registration::all(&dir))
        .unwrap_or_default();
    match servers.iter().find(|server| server.address.ends_with(&ends)) {
        Some(server) => {
            let (pid, dir) = (server.pid, server.data_dir.display());
            let holder = format!("the ffleet server of process {pid}, with its data in {dir}");
            Failure::new(Exit::Local, format!("{address} is in use by {holder}")).hint(elsewhere)
        }
        None => Failure::new(Exit::Local, format!("{address} is in use"))
            .hint(format!("{elsewhere}\n`ss -ltnp 'sport = :{port}'` says who has it")),
    }
}
