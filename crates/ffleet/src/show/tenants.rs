//! Tenants in words.

use ffleet_api::tenant::Tenant;
use ffleet_types::Bytes;

use super::job::Page;
use super::table::{Side, Table};

fn quota<T: ToString>(quota: Option<T>) -> String {
    quota.map_or_else(|| "-".to_owned(), |quota| quota.to_string())
}

fn used<T: ToString>(used: u64, of: Option<T>) -> String {
    match of {
        Some(quota) => format!("{used} of {}", quota.to_string()),
        None => used.to_string(),
    }
}

/// All tenants as a table.
pub(crate) fn table(tenants: &[Tenant]) -> Table {
    let mut table = Table::new(&[
        ("TENANT", Side::Left),
        ("WEIGHT", Side::Right),
        ("WAITING", Side::Right),
        ("RUNNING", Side::Right),
        ("CPU", Side::Right),
        ("MEMORY", Side::Right),
    ]);
    for tenant in tenants {
        let quotas = &tenant.quotas;
        table.row(&[
            tenant.name.clone(),
            tenant.weight.to_string(),
            used(tenant.waiting, quotas.queued),
            used(tenant.running, quotas.running),
            quota(quotas.cpu),
            quota(quotas.memory.map(Bytes::human)),
        ]);
    }
    table
}

/// Everything about a tenant.
pub(crate) fn page(tenant: &Tenant) -> String {
    let mut page = Page::default();
    let quotas = &tenant.quotas;
    page.heading(&format!("tenant {}", tenant.name));
    page.line("weight", &tenant.weight.to_string());
    page.line("waiting", &used(tenant.waiting, quotas.queued));
    page.line("running", &used(tenant.running, quotas.running));
    page.line("cpu", &quota(quotas.cpu));
    page.line("memory", &quota(quotas.memory.map(Bytes::human)));
    let roots = match tenant.roots.as_slice() {
        [] if tenant.name == "default" => "wherever the server may".to_owned(),
        [] => "none of the server's".to_owned(),
        roots => roots.join(", "),
    };
    page.line("files", &roots);
    if let Some(created) = tenant.created_at {
        page.line("created", &created.to_string());
    }
    page.finish()
}
