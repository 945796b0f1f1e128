//! Admission: from what somebody asks for to a job that can be accepted.
//!
//! Everything that can be said without an engine is said here, before the store is touched: the
//! whole of the request is checked, each refusal names its field, what was wrong and what to do.
//! What the file system says (the input is a directory, the target is in the way) is looked at
//! afterwards ([`Rules::look`]) for a quick answer, and again by the worker, since it may change
//! in between. The two are apart because a file system may not answer: see `look`.

use ffleet_api::strict::nearest;
use ffleet_api::submit;
use ffleet_api::{Code, Problem};
use ffleet_media::job::{Output, Spec, Verify};
use ffleet_media::{Source, Target};
use ffleet_types::job::{Limits, Terms};
use ffleet_types::placement::Wishes;
use ffleet_types::{Bytes, Cpu, RoleGroup, Span};

use crate::policy::Policy;
use crate::presets::Presets;
use crate::tenants::Realm;

mod make;
pub(crate) mod need;
mod place;

/// Results of one job at most.
const MOST_OUTPUTS: usize = 32;
/// Retries at most.
const MOST_RETRIES: u32 = 100;
/// Labels at most, and characters of a label's name and value.
const LABELS: (usize, usize, usize) = (64, 63, 255);

/// What a request is checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) presets: &'a Presets,
    /// Whose request it is, and what of the server's files is theirs.
    pub(crate) realm: &'a Realm,
}

impl Rules<'_> {
    /// The job that `request` asks for. No file is looked at: that is for [`Rules::look`].
    ///
    /// # Errors
    ///
    /// The first problem that is found.
    pub(crate) fn read(self, request: submit::Request) -> Result<Spec, Problem> {
        check_count(&request.outputs)?;
        let input = self.source(&request.input, "/input")?;
        let outputs = request
            .outputs
            .into_iter()
            .enumerate()
            .map(|(index, output)| make::output(self, output, index, &request.overrides))
            .collect::<Result<Vec<_>, _>>()?;
        check_distinct(&outputs)?;
        let live = outputs.iter().any(|output| matches!(output.target, Target::Live(_)));
        let verify = check_live(&outputs, request.verify)?;
        check_duration(request.duration, "/duration")?;
        check_limits(&request.limits)?;
        let retries = request.retries.unwrap_or(Terms::RETRIES);
        if retries > MOST_RETRIES {
            return Err(invalid("/retries", format!("{retries} is more than {MOST_RETRIES}")));
        }
        check_labels(&request.labels)?;
        self.check_role_group(request.role_group.as_ref())?;
        Ok(Spec {
            input,
            outputs,
            duration: request.duration,
            engine: request.engine,
            overwrite: request.overwrite,
            verify: verify.or(if live { None } else { self.policy.verify }),
            terms: Terms {
                queue: request.queue,
                priority: request.priority,
                role_group: request.role_group,
                limits: request.limits,
                retries,
                labels: request.labels,
                tenant: self.realm.tenant.clone(),
                placement: Wishes::default(),
            },
        })
    }

    fn check_role_group(self, named: Option<&RoleGroup>) -> Result<(), Problem> {
        let known = &self.policy.role_groups;
        match named {
            Some(named) if !known.contains_key(named) => {
                let names: Vec<_> = known.keys().map(RoleGroup::as_str).collect();
                let meant = nearest(named.as_str(), names.iter().copied());
                let meant = meant.map_or_else(String::new, |name| format!(", is {name} meant"));
                let names = names.join(", ");
                let text = format!("there is no role group {named}{meant}? There are {names}");
                Err(invalid("/role-group", text))
            }
            _ => Ok(()),
        }
    }

    /// Looks at the places of a job; the size of its input, where it can be seen.
    ///
    /// # Errors
    ///
    /// The first problem that is found.
    pub(crate) fn look(self, spec: &Spec) -> Result<Bytes, Problem> {
        let size = self.look_at_input(&spec.input, "/input")?;
        for (index, output) in spec.outputs.iter().enumerate() {
            let Target::File(path) = &output.target else { continue };
            let field = format!("/outputs/{index}/target");
            place::check_links(self, path, &field)?;
            place::check_target(path, &spec.input, spec.overwrite, &field)?;
        }
        Ok(size)
    }

    /// Looks at an input; its size, where it can be seen.
    ///
    /// # Errors
    ///
    /// What is wrong with it, at `field`.
    pub(crate) fn look_at_input(self, input: &Source, field: &str) -> Result<Bytes, Problem> {
        let Source::File(path) = input else {
            return Ok(Bytes(0));
        };
        place::check_room(self, path, field)?;
        place::check_links(self, path, field)?;
        place::check_input(path, field)
    }

    /// The input that `text` names, not looked at.
    ///
    /// # Errors
    ///
    /// What is wrong with it, at `field`.
    pub(crate) fn source(self, text: &str, field: &str) -> Result<Source, Problem> {
        let source = text.parse().map_err(|error| invalid(field, format!("{error}")))?;
        let Source::File(path) = source else {
            return Ok(source);
        };
        let path = place::normalise(&path);
        place::check_room(self, &path, field)?;
        Ok(Source::File(path))
    }

    /// A file that is to be made: an absolute path in the roots. It is not looked at.
    pub(crate) fn new_file(self, text: &str, field: &str) -> Result<String, Problem> {
        let target = text.parse().map_err(|error| invalid(field, format!("{error}")))?;
        let Target::File(path) = target else {
            return Err(invalid(field, format!("{text:?} is no path")));
        };
        let path = place::normalise(&path);
        place::check_room(self, &path, field)?;
        Ok(path)
    }

    /// Looks whether a file can be made at `path`: in a directory that can be written, with
    /// nothing there yet.
    ///
    /// # Errors
    ///
    /// What is wrong with it, at `field`.
    pub(crate) fn look_at_new(self, path: &str, field: &str) -> Result<(), Problem> {
        place::check_links(self, path, field)?;
        place::check_new(path, field)
    }
}

/// A value that cannot be taken.
fn invalid(field: &str, detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue, detail).at(field)
}

fn check_count(outputs: &[submit::Output]) -> Result<(), Problem> {
    match outputs.len() {
        0 => Err(invalid("/outputs", "there are no outputs")
            .hint("name at least one, such as {\"target\": \"/path/to/result.mp4\"}")),
        1..=MOST_OUTPUTS => Ok(()),
        count => Err(invalid("/outputs", format!("{count} outputs are more than {MOST_OUTPUTS}"))
            .hint("submit several jobs")),
    }
}

fn check_distinct(outputs: &[Output]) -> Result<(), Problem> {
    for (index, output) in outputs.iter().enumerate() {
        if let Some(first) = outputs[..index].iter().position(|o| o.target == output.target) {
            let detail = format!("{} is the target of output {first} already", output.target);
            return Err(invalid(&format!("/outputs/{index}/target"), detail)
                .hint("give each output a name of its own"));
        }
    }
    Ok(())
}

/// A live task is restarted and not verified, a file is the opposite: one job is one of them.
fn check_live(outputs: &[Output], verify: Option<Verify>) -> Result<Option<Verify>, Problem> {
    let is_live = |output: &Output| matches!(output.target, Target::Live(_));
    let Some(live) = outputs.iter().position(is_live) else {
        return Ok(verify);
    };
    if let Some(file) = outputs.iter().position(|output| !is_live(output)) {
        return Err(invalid(
            &format!("/outputs/{file}/target"),
            format!("a file cannot be made beside the live target of output {live}"),
        )
        .hint("submit two jobs: a live task is restarted when it fails, a file is not"));
    }
    match verify {
        None | Some(Verify::None) => Ok(Some(Verify::None)),
        Some(_) => Err(invalid("/verify", "what is sent to a live target cannot be verified")),
    }
}

fn check_duration(duration: Option<Span>, field: &str) -> Result<(), Problem> {
    match duration {
        Some(span) if span.0.is_zero() => {
            Err(invalid(field, "a duration of zero makes nothing").hint("leave it out for all"))
        }
        _ => Ok(()),
    }
}

fn check_limits(limits: &Limits) -> Result<(), Problem> {
    let outside = |name: &str, value: String, least: String, most: String| {
        Err(invalid(
            &format!("/limits/{name}"),
            format!("{value} is not between {least} and {most}"),
        ))
    };
    let amounts = [
        ("memory", limits.memory, Bytes::mib(32), Bytes::gib(16 << 10)),
        ("scratch", limits.scratch, Bytes::mib(1), Bytes::gib(1 << 20)),
    ];
    for (name, amount, least, most) in amounts {
        if let Some(amount) = amount.filter(|amount| !(least..=most).contains(amount)) {
            return outside(name, amount.to_string(), least.to_string(), most.to_string());
        }
    }
    let cpus = Cpu(10)..=Cpu::whole(4_096);
    if let Some(cpu) = limits.cpu.filter(|cpu| !cpus.contains(cpu)) {
        return outside("cpu", cpu.to_string(), "1%".to_owned(), "409600%".to_owned());
    }
    let year = Span::secs(365 * 86_400);
    for (name, span) in [("timeout", limits.timeout), ("stall", limits.stall)] {
        if let Some(span) = span.filter(|span| !(Span::secs(1)..=year).contains(span)) {
            return outside(name, span.to_string(), "1s".to_owned(), "365d".to_owned());
        }
    }
    Ok(())
}

fn check_labels(labels: &std::collections::BTreeMap<String, String>) -> Result<(), Problem> {
    let (count, name_length, value_length) = LABELS;
    if labels.len() > count {
        let detail = format!("{} labels are more than {count}", labels.len());
        return Err(invalid("/labels", detail));
    }
    for (name, value) in labels {
        let field = format!("/labels/{}", name.chars().take(name_length).collect::<String>());
        let plain = |text: &str| !text.chars().any(char::is_control);
        if name.is_empty() || name.chars().count() > name_length || !plain(name) {
            let detail = format!("a label's name has 1 to {name_length} printable characters");
            return Err(invalid(&field, detail));
        }
        if value.chars().count() > value_length || !plain(value) {
            let detail = format!("a label's value has up to {value_length} printable characters");
            return Err(invalid(&field, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
