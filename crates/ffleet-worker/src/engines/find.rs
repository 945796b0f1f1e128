//! Where the programs are, and which they are.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use sha2::{Digest as _, Sha256};

use crate::engines::Missing;

/// Finds the program `name`: where somebody said, or else in the directories of `search`.
pub(super) fn find(name: &str, said: Option<&Path>, search: &OsStr) -> Result<PathBuf, Missing> {
    let is_program = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if let Some(path) = said {
        if is_program(path) {
            return Ok(path.to_owned());
        }
        return Err(Missing(format!(
            "{} is no program that can be run: set `engine.{name}` to where {name} is",
            path.display()
        )));
    }
    std::env::split_paths(search)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|path| is_program(path))
        .ok_or_else(|| {
            Missing(format!(
                "{name} was not found in PATH: install FFmpeg (`apt install ffmpeg`), or set \
                 `engine.{name}` to where it is"
            ))
        })
}

/// The SHA-256 of the program's file, in hexadecimal.
pub(super) async fn hash(path: PathBuf) -> Result<String, Missing> {
    let shown = path.display().to_string();
    let hashed = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a `String` cannot fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        }))
    });
    match hashed.await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(Missing(format!("cannot read {shown}: {error}"))),
        Err(error) => Err(Missing(format!("cannot read {shown}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn program_is_found_where_it_can_be_run() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        for (dir, mode) in [(&one, 0o644), (&other, 0o755)] {
            std::fs::create_dir(dir).unwrap();
            let path = dir.join("ffmpeg");
            ffleet_base::write_atomic(&path, b"x", mode).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let search = std::env::join_paths([&PathBuf::from("relative"), &one, &other]).unwrap();
        assert_eq!(find("ffmpeg", None, &search).unwrap(), other.join("ffmpeg"));
        let error = find("ffprobe", None, &search).unwrap_err().to_string();
        assert!(error.contains("engine.ffprobe") && error.contains("install"), "{error}");
        find("ffmpeg", Some(&one.join("ffmpeg")), &search).unwrap_err();
    }

    #[tokio::test]
    async fn hash_is_that_of_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        ffleet_base::write_atomic(&path, b"abc", 0o600).unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(path).await.unwrap(), expected);
    }
}
