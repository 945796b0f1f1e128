//! Which server to speak to, and with which key.
//!
//! What was said on the command line or in the environment counts; what was not is looked up
//! among the servers that this user runs on this machine. A key that was found goes to the
//! server that it was found for and to no other.

use std::fs;
use std::path::Path;

use ffleet_base::Secret;
use url::{Host, Url};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::registration::{self, Registration};

/// What was said about the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice<'a> {
    /// `--server` or `FFLEET_SERVER`.
    pub(crate) server: Option<&'a str>,
    /// `--key-file`.
    pub(crate) key_file: Option<&'a Path>,
    /// `FFLEET_KEY`.
    pub(crate) key: Option<String>,
}

/// Where to reach a server, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Such as `http://127.0.0.1:8420`.
    pub(crate) address: String,
    /// The key, where one is known.
    pub(crate) key: Option<Secret>,
}

impl Choice<'_> {
    /// The server that is meant, with those registered in `runtime` to choose from.
    ///
    /// # Errors
    ///
    /// If what was said makes no sense, or no server or several are registered.
    pub(crate) fn resolve(self, runtime: &Path) -> Result<Server, Failure> {
        let key = match (self.key_file, self.key) {
            (Some(file), _) => Some(read_key(file)?),
            (None, said) => said.map(Secret::new),
        };
        let registered = registration::all(runtime);
        let Some(said) = self.server else {
            let Registration { address, key: found, .. } = only(registered, runtime)?;
            return Ok(Server { address, key: Some(key.unwrap_or(found)) });
        };
        let url = parse(said)?;
        let found = registered
            .into_iter()
            .find(|candidate| is_same(&url, &candidate.address));
        let address = url.as_str().trim_end_matches('/').to_owned();
        Ok(Server { address, key: key.or_else(|| found.map(|registration| registration.key)) })
    }
}

fn parse(said: &str) -> Result<Url, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("the server '{said}' {why}"))
            .hint("write it as http://HOST:PORT, such as http://127.0.0.1:8420")
    };
    let url = Url::parse(said).map_err(|error| wrong(format!("is no URL: {error}")))?;
    if url.scheme() != "http" || url.host().is_none() {
        return Err(wrong("is no http:// URL".to_owned()));
    }
    if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
        return Err(wrong("has more in it than host and port".to_owned()));
    }
    Ok(url)
}

/// Whether a URL means a server of this machine that listens at `address`.
fn is_same(url: &Url, address: &str) -> bool {
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    Url::parse(address).is_ok_and(|registered| {
        registered.port_or_known_default() == url.port_or_known_default()
            && is_loopback(url)
            && is_loopback(&registered)
    })
}

fn only(mut registered: Vec<Registration>, runtime: &Path) -> Result<Registration, Failure> {
    match (registered.pop(), registered.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(Failure::new(Exit::Unreachable, "no ffleet server of yours runs here")
            .hint(format!(
                "start one with `ffleet serve`, or name one with --server URL (looked in {})",
                runtime.display()
            ))),
        (Some(last), _) => {
            registered.push(last);
            let lines: Vec<_> = registered.iter().map(line).collect();
            Err(Failure::usage(format!("{} ffleet servers of yours run here", lines.len()))
                .hint(format!("say which one with --server:\n{}", lines.join("\n"))))
        }
    }
}

fn line(registration: &Registration) -> String {
    let Registration { address, pid, data_dir, .. } = registration;
    format!("--server {address}   (process {pid}, data in {})", data_dir.display())
}

fn read_key(file: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let key = text.trim();
    // It becomes a header, which has no room for anything else.
    if key.is_empty() || !key.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(Failure::usage(format!("{} holds no key", file.display()))
            .hint("a key is one word that begins with ffk_"));
    }
    Ok(Secret::new(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::{Registered, start_time};
    use ffleet_base::write_atomic;

    fn announce(dir: &Path, port: u16) -> Registered {
        let pid = std::process::id();
        let registration = Registration {
            address: format!("http://127.0.0.1:{port}"),
            key: Secret::new(format!("ffk_{port}")),
            pid,
            started: start_time(pid).unwrap(),
            data_dir: "/data".into(),
        };
        registration.announce(dir, port).unwrap()
    }

    fn resolved(server: Option<&str>, dir: &Path) -> Result<(String, Option<String>), Failure> {
        let Server { address, key } = Choice { server, ..Choice::default() }.resolve(dir)?;
        Ok((address, key.map(|key| key.expose().to_owned())))
    }

    #[test]
    fn server_that_is_alone_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        let none = resolved(None, dir.path()).unwrap_err();
        assert_eq!(none.exit(), Exit::Unreachable);
        assert!(none.to_string().contains("`ffleet serve`"), "{none}");

        let _one = announce(dir.path(), 1);
        let expected = ("http://127.0.0.1:1".to_owned(), Some("ffk_1".to_owned()));
        assert_eq!(resolved(None, dir.path()).unwrap(), expected);

        let _other = announce(dir.path(), 2);
        let several = resolved(None, dir.path()).unwrap_err();
        assert_eq!(several.exit(), Exit::Usage);
        for address in ["http://127.0.0.1:1", "http://127.0.0.1:2"] {
            assert!(several.to_string().contains(address), "{several}");
        }
    }

    #[test]
    fn address_alone_finds_the_key_of_a_server_on_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let _one = announce(dir.path(), 1);
        let _other = announce(dir.path(), 2);
        for said in ["http://127.0.0.1:2", "http://localhost:2/", "http://[::1]:2"] {
            assert_eq!(resolved(Some(said), dir.path()).unwrap().1.unwrap(), "ffk_2");
        }
        for elsewhere in ["http://example.org:2", "http://127.0.0.1:3", "http://127.0.0.1"] {
            let (_, key) = resolved(Some(elsewhere), dir.path()).unwrap();
            assert_eq!(key, None, "the key was sent to {elsewhere}");
        }
    }

    #[test]
    fn what_is_said_counts() {
        let dir = tempfile::tempdir().unwrap();
        let _one = announce(dir.path(), 1);
        let file = dir.path().join("key");
        write_atomic(&file, b" ffk_file\n", 0o600).unwrap();
        let key = Some("ffk_env".to_owned());
        let said = Choice { key: key.clone(), ..Choice::default() };
        assert_eq!(said.resolve(dir.path()).unwrap().key.unwrap().expose(), "ffk_env");
        let said = Choice { key, key_file: Some(&file), ..Choice::default() };
        assert_eq!(said.resolve(dir.path()).unwrap().key.unwrap().expose(), "ffk_file");
        write_atomic(&file, b"two words", 0o600).unwrap();
        read_key(&file).unwrap_err();
    }

    #[test]
    fn what_is_no_server_is_bad_usage() {
        let dir = tempfile::tempdir().unwrap();
        for said in ["", "127.0.0.1:8420", "https://h", "http://", "http://h/x", "http://u@h"] {
            assert_eq!(resolved(Some(said), dir.path()).unwrap_err().exit(), Exit::Usage, "{said}");
        }
    }
}
