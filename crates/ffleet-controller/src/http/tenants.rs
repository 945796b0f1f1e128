//! Tenants.

use std::path::Path as FilePath;

use axum::Extension;
use axum::extract::{Path, Request, State};
use ffleet_api::tenant::{Change, List, Tenant as Shown};
use ffleet_api::{Code, Problem};
use ffleet_store::{TenantChange, TenantRefusal, TenantRow};
use ffleet_types::{Bytes, Cpu, Tenant, TenantId};
use hyper::StatusCode;

use super::access::Access;
use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::error;

/// Directories of one tenant at most, and the longest, in bytes.
const MOST_ROOTS: usize = 32;
const LONGEST: usize = 4_095;

fn shown(row: TenantRow) -> Shown {
    let TenantRow { tenant, created, waiting, held } = row;
    Shown {
        name: tenant.name.to_string(),
        weight: tenant.weight,
        quotas: tenant.quotas,
        roots: tenant.roots,
        waiting,
        running: held,
        created_at: Some(created.into()),
    }
}

impl Controller {
    /// All tenants of which something was said, by name: weights and quotas for whoever plans.
    #[must_use]
    pub fn tenants(&self) -> Vec<Tenant> {
        self.tenants.all()
    }

    /// All tenants that a call may know of, by name.
    async fn tenants_for(&self, access: &Access) -> Result<Vec<Shown>, Problem> {
        let rows = self.store.tenants().await.map_err(|error| error::unavailable(&error))?;
        let mut all: Vec<_> = rows.into_iter().map(shown).collect();
        let default = TenantId::default();
        // Its jobs are counted where something was said of it.
        if !all.iter().any(|known| known.name == default.as_str()) {
            let Tenant { name, weight, quotas, roots } = Tenant::new(default);
            let (waiting, running) = self.undeclared(&all);
            let name = name.to_string();
            all.push(Shown { name, weight, quotas, roots, waiting, running, created_at: None });
            all.sort_by(|one, other| one.name.cmp(&other.name));
        }
        all.retain(|known| known.name.parse().is_ok_and(|name: TenantId| access.sees(&name)));
        Ok(all)
    }

    /// Jobs that wait, and that are held, of nobody in `known`.
    fn undeclared(&self, known: &[Shown]) -> (u64, u64) {
        use ffleet_types::task::State::{Queued, Retrying};
        let counts = self.store.counts();
        let waiting = counts.of(Queued) + counts.of(Retrying);
        let living: u64 = counts
            .iter()
            .filter_map(|(state, count)| (!state.is_terminal()).then_some(count))
            .sum();
        let others: (u64, u64) = known
            .iter()
            .fold((0, 0), |sum, one| (sum.0 + one.waiting, sum.1 + one.running));
        let held = living.saturating_sub(waiting);
        (waiting.saturating_sub(others.0), held.saturating_sub(others.1))
    }

    async fn tenant_for(&self, name: &str, access: &Access) -> Result<Shown, Problem> {
        let mut all = self.tenants_for(access).await?.into_iter();
        all.find(|known| known.name == name).ok_or_else(|| missing(name))
    }

    /// Writes a change down, and goes by it.
    async fn change_tenant(&self, change: TenantChange) -> Result<(), Problem> {
        let this = self.clone();
        self.see_through(async move {
            let at = this.clock.now();
            let answer = this.store.change_tenant(change.clone(), at).await;
            let answer = answer.map_err(|error| error::unavailable(&error))?;
            answer.map_err(|refusal| refused(&refusal))?;
            match change {
                TenantChange::Create(tenant) | TenantChange::Set(tenant) => {
                    this.tenants.put(tenant);
                }
                TenantChange::Remove(tenant) => this.tenants.remove(&tenant),
            }
            Ok(())
        })
        .await
    }

    /// `tenant`, changed.
    fn changed(&self, mut tenant: Tenant, change: Change) -> Result<Tenant, Problem> {
        let Change { weight, queued, running, cpu, memory, roots } = change;
        tenant.weight = weight.unwrap_or(tenant.weight);
        let quotas = &mut tenant.quotas;
        quotas.queued = queued.unwrap_or(quotas.queued);
        quotas.running = running.unwrap_or(quotas.running);
        quotas.cpu = cpu.unwrap_or(quotas.cpu);
        quotas.memory = memory.unwrap_or(quotas.memory);
        if let Some(roots) = roots {
            tenant.roots = roots;
        }
        self.check_tenant(&tenant)?;
        Ok(tenant)
    }

    fn check_tenant(&self, tenant: &Tenant) -> Result<(), Problem> {
        let invalid = |field: &str, detail| Err(Problem::new(Code::InvalidValue, detail).at(field));
        let Tenant { weight, quotas, roots, .. } = tenant;
        if !(1..=Tenant::MOST_WEIGHT).contains(weight) {
            let most = Tenant::MOST_WEIGHT;
            return invalid("/weight", format!("{weight} is not between 1 and {most}"));
        }
        if quotas.cpu.is_some_and(|cpu| cpu == Cpu(0)) {
            return invalid("/cpu", "no job runs on no CPU".to_owned());
        }
        if quotas.memory.is_some_and(|memory| memory == Bytes(0)) {
            return invalid("/memory", "no job runs in no memory".to_owned());
        }
        if roots.len() > MOST_ROOTS {
            return invalid("/roots", format!("a tenant has {MOST_ROOTS} directories at most"));
        }
        for (index, root) in roots.iter().enumerate() {
            let field = format!("/roots/{index}");
            let path = FilePath::new(root);
            let plain = path
                .components()
                .all(|part| !matches!(part, std::path::Component::ParentDir));
            if !path.is_absolute() || !plain || root.len() > LONGEST || root.contains('\0') {
                return invalid(&field, "it is no absolute path of a directory".to_owned());
            }
            if !self.policy.roots.iter().any(|allowed| path.starts_with(allowed)) {
                return invalid(&field, format!("{root} is outside `roots` of the server"));
            }
        }
        Ok(())
    }
}

fn missing(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::TenantNotFound, format!("there is no tenant {shown:?}"))
        .hint("`ffleet tenants list` shows those there are")
}

fn refused(refusal: &TenantRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        TenantRefusal::Taken(tenant) => Problem::new(Code::NameTaken, detail)
            .hint(format!("`ffleet tenants set {tenant}` changes it")),
        TenantRefusal::Unknown(tenant) => missing(tenant.as_str()),
        TenantRefusal::TooMany => Problem::new(Code::TooMany, detail),
        TenantRefusal::InUse { .. } => Problem::new(Code::TenantInUse, detail)
            .hint("revoke its keys, and cancel its jobs or wait for them"),
    }
}

fn named(name: &str) -> Result<TenantId, Problem> {
    name.parse().map_err(|error: ffleet_types::ParseError| {
        Problem::new(Code::InvalidValue, error.to_string()).at("tenant")
    })
}

/// Lists tenants, with their jobs that have not ended. To a key that is for one tenant's work there is that one.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", responses(
    (status = 200, description = "By name", body = List),
))]
pub(crate) async fn list(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
) -> Answer {
    let tenants = controller.tenants_for(&access).await?;
    reply::json(StatusCode::OK, &List { tenants })
}

/// Shows a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants", params(
    ("tenant" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The tenant", body = Shown),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(tenant): Path<String>,
) -> Answer {
    reply::json(StatusCode::OK, &controller.tenant_for(&tenant, &access).await?)
}

/// Creates a tenant.
#[utoipa::path(post, path = "/v1/tenants/{tenant}", tag = "tenants", request_body = Change, params(
    ("tenant" = String, Path, description = "Its name: 1 to 63 lower-case letters, digits and `-`"),
), responses(
    (status = 201, description = "It is on disk", body = Shown),
    (status = 409, description = "It is there already, or no more can be kept", body = Problem),
    (status = 422, description = "What is said of it makes no sense", body = Problem),
))]
pub(crate) async fn create(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(tenant): Path<String>,
    request: Request,
) -> Answer {
    let change: Change = body::read(&controller, request).await?;
    let made = controller.changed(Tenant::new(named(&tenant)?), change)?;
    if made.is_default() {
        return Err(refused(&TenantRefusal::Taken(made.name)).into());
    }
    controller.change_tenant(TenantChange::Create(made)).await?;
    reply::json(StatusCode::CREATED, &controller.tenant_for(&tenant, &access).await?)
}

/// Changes what is said of a tenant. Jobs that were accepted stay.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", tag = "tenants", request_body = Change, params(
    ("tenant" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "It is on disk", body = Shown),
    (status = 404, description = "There is none", body = Problem),
    (status = 422, description = "What is said of it makes no sense", body = Problem),
))]
pub(crate) async fn set(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(tenant): Path<String>,
    request: Request,
) -> Answer {
    let change: Change = body::read(&controller, request).await?;
    let name = tenant.parse().map_err(|_no_name| missing(&tenant))?;
    let known = controller.tenants.find(&name).ok_or_else(|| missing(&tenant))?;
    let changed = controller.changed(known, change)?;
    controller.change_tenant(TenantChange::Set(changed)).await?;
    reply::json(StatusCode::OK, &controller.tenant_for(&tenant, &access).await?)
}

/// Removes a tenant that has neither keys nor jobs that have not ended. Jobs that have stay.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", tag = "tenants", params(
    ("tenant" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "It was this", body = Shown),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It has keys, or jobs that have not ended", body = Problem),
))]
pub(crate) async fn remove(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(tenant): Path<String>,
) -> Answer {
    let was = controller.tenant_for(&tenant, &access).await?;
    let name: TenantId = tenant.parse().map_err(|_no_name| missing(&tenant))?;
    if name == TenantId::default() {
        return Err(Problem::new(Code::TenantInUse, "the default tenant is always there").into());
    }
    controller.change_tenant(TenantChange::Remove(name)).await?;
    reply::json(StatusCode::OK, &was)
}
