//! Where things lie by default: the state directory and the runtime directory.
//!
//! Pure functions of the environment that was read once, so that every case is a test of two
//! lines. XDG Base Directory Specification 0.8: a relative path in a variable counts as none.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The directory's name below each base.
const NAME: &str = "ffleet";

/// The environment, as it was at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|v| !v.is_empty())
    }

    /// The names of all variables, in their order.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.keys().map(OsString::as_os_str)
    }

    /// A variable that holds an absolute path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.var(name).map(Path::new).filter(|path| path.is_absolute())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(vars: I) -> Self {
        Self(
            vars.into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// There is no place to keep state in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither XDG_STATE_HOME nor HOME is an absolute path: name a directory with --data DIR")]
pub struct NoHome;

/// Where state is kept unless said otherwise: `$XDG_STATE_HOME/ffleet`, else
/// `$HOME/.local/state/ffleet`, else, for root, `/var/lib/ffleet`.
///
/// # Errors
///
/// [`NoHome`], for anybody but root.
pub fn state_dir(env: &Env, uid: u32) -> Result<PathBuf, NoHome> {
    if let Some(base) = env.path("XDG_STATE_HOME") {
        return Ok(base.join(NAME));
    }
    match env.path("HOME") {
        Some(home) => Ok(home.join(".local/state").join(NAME)),
        None if uid == 0 => Ok(Path::new("/var/lib").join(NAME)),
        None => Err(NoHome),
    }
}

/// Where a running server says how to reach it: `$XDG_RUNTIME_DIR/ffleet`; else, for root,
/// `/run/ffleet`; else `/run/user/UID/ffleet` if `exists` says that there is a `/run/user/UID`;
/// else `run` in the state directory.
///
/// # Errors
///
/// [`NoHome`], where all of these are missing.
pub fn runtime_dir(
    env: &Env,
    uid: u32,
    exists: impl FnOnce(&Path) -> bool,
) -> Result<PathBuf, NoHome> {
    if let Some(base) = env.path("XDG_RUNTIME_DIR") {
        return Ok(base.join(NAME));
    }
    if uid == 0 {
        return Ok(Path::new("/run").join(NAME));
    }
    let login = PathBuf::from(format!("/run/user/{uid}"));
    if exists(&login) {
        return Ok(login.join(NAME));
    }
    state_dir(env, uid).map(|state| state.join("run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<const N: usize>(vars: [(&str, &str); N]) -> Env {
        vars.into_iter().collect()
    }

    fn state<const N: usize>(vars: [(&str, &str); N], uid: u32) -> Option<String> {
        state_dir(&env(vars), uid).ok().map(|dir| dir.display().to_string())
    }

    fn runtime<const N: usize>(vars: [(&str, &str); N], uid: u32, login: bool) -> Option<String> {
        let dir = runtime_dir(&env(vars), uid, |_| login).ok();
        dir.map(|dir| dir.display().to_string())
    }

    #[test]
    fn state_goes_to_the_xdg_directory() {
        let home = ("HOME", "/h");
        assert_eq!(state([("XDG_STATE_HOME", "/s"), home], 1).unwrap(), "/s/ffleet");
        assert_eq!(state([home], 1).unwrap(), "/h/.local/state/ffleet");
        assert_eq!(state([], 0).unwrap(), "/var/lib/ffleet");
        assert_eq!(state([], 1), None);
    }

    #[test]
    fn relative_and_empty_variables_count_as_none() {
        let home = ("HOME", "/h");
        for odd in ["s", "", "./s"] {
            assert_eq!(
                state([("XDG_STATE_HOME", odd), home], 1).unwrap(),
                "/h/.local/state/ffleet"
            );
        }
    }

    #[test]
    fn runtime_directory_is_the_nearest_that_there_is() {
        let home = ("HOME", "/h");
        assert_eq!(runtime([("XDG_RUNTIME_DIR", "/r")], 0, true).unwrap(), "/r/ffleet");
        assert_eq!(runtime([home], 0, true).unwrap(), "/run/ffleet");
        assert_eq!(runtime([home], 7, true).unwrap(), "/run/user/7/ffleet");
        assert_eq!(runtime([home], 7, false).unwrap(), "/h/.local/state/ffleet/run");
        assert_eq!(runtime([], 7, false), None);
    }
}
