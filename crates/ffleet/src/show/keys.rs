//! Keys and the audit log in words.

use ffleet_api::key::{Created, Entries, Key};
use ffleet_types::Timestamp;
use ffleet_types::access::Role;

use super::table::{Side, Table};
use super::text::{ago, push};

/// All keys as a table.
pub(crate) fn table(keys: &[Key], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        ("KEY", Side::Left),
        ("ROLE", Side::Left),
        ("TENANT", Side::Left),
        ("STATE", Side::Left),
        ("EXPIRES", Side::Left),
        ("MADE", Side::Right),
        ("BY", Side::Left),
    ]);
    for key in keys {
        table.row(&[
            key.name.clone(),
            key.role.to_string(),
            key.tenant.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            key.state.clone(),
            key.expires_at.map_or_else(|| "-".to_owned(), |end| end.to_string()),
            ago(key.created_at.0, now),
            key.created_by.clone(),
        ]);
    }
    table
}

/// A new key: itself on a line of its own, for whoever copies it.
pub(crate) fn created(made: &Created) -> String {
    let Created { key, secret } = made;
    let mut text = format!("{secret}\n");
    let of = match &key.tenant {
        Some(tenant) => format!(" of tenant {tenant}"),
        None => String::new(),
    };
    let until = match key.expires_at {
        Some(end) => format!(" until {end}"),
        None => String::new(),
    };
    push!(text, "  {}: {}{of}, good{until}\n", key.name, key.role);
    push!(
        text,
        "  keep it now: it is not shown again. FFLEET_KEY or --key-file FILE take it\n"
    );
    text
}

/// A page of the audit log.
pub(crate) fn log(page: &Entries, width: Option<usize>) -> String {
    let mut table = Table::new(&[
        ("NUMBER", Side::Right),
        ("WHEN", Side::Left),
        ("WHO", Side::Left),
        ("ROLE", Side::Left),
        ("FROM", Side::Left),
        ("ANSWER", Side::Right),
        ("WHAT", Side::Left),
    ]);
    for entry in &page.entries {
        table.row(&[
            entry.number.to_string(),
            entry.at.to_string(),
            entry.who.clone(),
            entry.role.map_or("-", Role::name).to_owned(),
            entry.from.clone(),
            entry.status.to_string(),
            format!("{} {}", entry.method, entry.path),
        ]);
    }
    let mut text = table.render(width);
    if let Some(next) = page.next {
        push!(text, "more: --after {next}\n");
    }
    text
}
