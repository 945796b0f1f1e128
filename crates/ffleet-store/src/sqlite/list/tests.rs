//! What SQLite makes of the statements: a plan that sorts or scans is quick in every test and
//! slow with a hundred thousand jobs.

use std::collections::BTreeMap;

use ffleet_types::job::Queue;
use ffleet_types::task::State;

use super::*;
use crate::sqlite::schema;

const PAGE: Page = Page { before: Some(JobNumber(1_000)), limit: 50 };

fn plan(filter: &Filter) -> String {
    let mut conn = Connection::open_in_memory().unwrap();
    schema::migrate(&mut conn).unwrap();
    let (sql, values) = statement(filter, PAGE, PAGE.limit);
    let steps = conn
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap()
        .query_map(params_from_iter(values), |row| row.get(3))
        .unwrap()
        .collect::<rusqlite::Result<Vec<String>>>();
    steps.unwrap().join("\n")
}

fn filters() -> Vec<(Filter, &'static str)> {
    let labels = BTreeMap::from([
        ("show".to_owned(), "news".to_owned()),
        ("lang".to_owned(), "de".to_owned()),
    ]);
    let some = vec![State::Queued, State::Running, State::Failed];
    let of = Filter::default;
    vec![
        (of(), "INTEGER PRIMARY KEY"),
        (
            Filter { states: vec![State::Failed], ..of() },
            "jobs_ended (state=? AND number<?)",
        ),
        (
            Filter { states: vec![State::Running], ..of() },
            "jobs_living (state=? AND number<?)",
        ),
        (Filter { states: some.clone(), ..of() }, "jobs_living (state=? AND number<?)"),
        (
            Filter { states: State::ALL.to_vec(), ..of() },
            "jobs_ended (state=? AND number<?)",
        ),
        (Filter { labels: labels.clone(), ..of() }, "(name=? AND value=? AND number<?)"),
        (Filter { labels, states: some, ..of() }, "(name=? AND value=? AND number<?)"),
        (Filter { queue: Some(Queue::Live), ..of() }, "INTEGER PRIMARY KEY"),
        (Filter { text: Some("a".into()), ..of() }, "INTEGER PRIMARY KEY"),
    ]
}

#[test]
fn no_list_is_sorted_and_each_follows_its_index() {
    for (filter, index) in filters() {
        let plan = plan(&filter);
        assert!(!plan.contains("TEMP B-TREE"), "{filter:?} is sorted:\n{plan}");
        assert!(plan.contains(index), "{filter:?} does not use {index}:\n{plan}");
        for table in ["jobs", "requests", "labels"] {
            let whole = plan.lines().any(|step| step.ends_with(&format!("SCAN {table}")));
            assert!(!whole, "{filter:?} reads all of {table}:\n{plan}");
        }
    }
}
