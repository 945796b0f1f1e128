//! libvmaf, the filter that compares two pictures: it starts threads of its own, which nothing but
//! its option `n_threads` bounds, and each holds pictures in floating point.
//!
//! Counted and weighed with FFmpeg 9.0.2 (libvmaf 3.0): `n_threads` threads beyond the graph's own, none
//! where it is 0, and at 1920×1080 some 50 MiB and 100 MiB more for each thread.

use crate::raw::bodies;

use super::Budget;

const NAME: &str = "libvmaf";
const OPTION: &str = "n_threads=";
/// Bytes for each pixel, without threads and for each of them.
const PIXEL: (f64, f64) = (20.0, 52.0);
/// Bytes whatever the size: its models.
const FIXED: f64 = 2.0 * 1_048_576.0;

/// The options of each libvmaf in a graph that was checked; where they stand.
fn each(graph: &str) -> impl Iterator<Item = (usize, &str)> {
    bodies(graph).into_iter().filter_map(|(at, body)| {
        let (name, options) = body.split_once('=').unwrap_or((body, ""));
        let is_it = name.trim().split('@').next() == Some(NAME);
        is_it.then_some((at + body.len() - options.len(), options))
    })
}

/// What `n_threads` says in these options; the last one counts.
fn said(options: &str) -> Option<&str> {
    options.split(':').rev().find_map(|option| option.strip_prefix(OPTION))
}

/// `graph` with the threads of every libvmaf in it held to `budget`, and what was changed of what
/// somebody said, as it was and as it is.
pub(crate) fn held(graph: &str, budget: Budget) -> (String, Option<(String, u32)>) {
    let most = budget.filter();
    let (mut text, mut change) = (graph.to_owned(), None);
    // From the last one on, so that places stay what they were.
    for (at, options) in each(graph).collect::<Vec<_>>().into_iter().rev() {
        let kept: Vec<&str> = options
            .split(':')
            .filter(|option| !option.starts_with(OPTION))
            .collect();
        let threads = match said(options) {
            Some(said) => match said.parse::<u32>() {
                Ok(count) if count <= most => continue,
                _ => {
                    change = Some((format!("n_threads={said}"), most));
                    most
                }
            },
            None => most,
        };
        let kept = kept.join(":");
        let becomes = match (options.is_empty(), kept.is_empty()) {
            // There is not even a `=`, or nothing behind it.
            (true, _) if graph.as_bytes().get(at.wrapping_sub(1)) != Some(&b'=') => {
                format!("={OPTION}{threads}")
            }
            (_, true) => format!("{OPTION}{threads}"),
            (_, false) => format!("{kept}:{OPTION}{threads}"),
        };
        text.replace_range(at..at + options.len(), &becomes);
    }
    (text, change)
}

/// The threads that libvmaf starts in a planned `graph`.
pub(super) fn count(graph: &str) -> u32 {
    let threads = each(graph).map(|(_, options)| said(options)?.parse::<u32>().ok());
    threads.map(Option::unwrap_or_default).sum()
}

/// The bytes that it holds in a planned `graph`, of a picture of so many `pixels`.
pub(super) fn memory(graph: &str, pixels: f64) -> f64 {
    let filters = each(graph).map(|(_, options)| {
        let threads: u32 = said(options).and_then(|text| text.parse().ok()).unwrap_or_default();
        FIXED + pixels * (PIXEL.0 + PIXEL.1 * f64::from(threads))
    });
    filters.sum()
}

#[cfg(test)]
mod tests {
    use ffleet_types::Cpu;

    use super::*;

    #[test]
    fn threads_are_set_where_nobody_said_and_held_where_somebody_did() {
        for (given, becomes, was) in [
            ("libvmaf", "libvmaf=n_threads=2", None),
            ("libvmaf=", "libvmaf=n_threads=2", None),
            ("split[a][b];[a][b]libvmaf", "split[a][b];[a][b]libvmaf=n_threads=2", None),
            (
                "[a][b]libvmaf@x=pool=min[c],scale=4:4",
                "[a][b]libvmaf@x=pool=min:n_threads=2[c],scale=4:4",
                None,
            ),
            ("libvmaf=n_threads=0", "libvmaf=n_threads=0", None),
            ("libvmaf=n_threads=2:pool=min", "libvmaf=n_threads=2:pool=min", None),
            ("libvmaf=n_threads=64", "libvmaf=n_threads=2", Some("n_threads=64")),
            (
                "null,libvmaf=n_threads=1:pool=min:n_threads=99,libvmaf",
                "null,libvmaf=pool=min:n_threads=2,libvmaf=n_threads=2",
                Some("n_threads=99"),
            ),
            ("scale=n_threads=9", "scale=n_threads=9", None),
        ] {
            let (text, change) = held(given, Budget::fitted(Cpu::whole(2)));
            let change = change.map(|(was, _)| was);
            assert_eq!((text.as_str(), change.as_deref()), (becomes, was), "{given}");
        }
        assert_eq!(count("libvmaf=n_threads=3,null,libvmaf=n_threads=2"), 5);
        assert_eq!((count("libvmaf=n_threads=0"), count("scale=2:2")), (0, 0));
        assert!(memory("libvmaf=n_threads=4", 2_073_600.0) > 400e6);
        assert!(memory("null", 2_073_600.0) < 1.0);
    }
}
