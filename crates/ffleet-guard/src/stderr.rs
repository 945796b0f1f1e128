//! Standard error: read as it comes, kept in a log, its end kept in memory.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_base::{Clock as _, SystemClock, chain};
use ffleet_types::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

use crate::log;

/// How much of its end is kept in memory.
const TAIL: usize = 8 << 10;
/// How much is read at once: what a pipe holds.
const PIECE: usize = 64 << 10;

/// What is known of a child's standard error, while it is still read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    tail: Vec<u8>,
    lost: u64,
}

impl Said {
    /// Its end as text. A first character or line that was cut in half is left out.
    pub(crate) fn tail(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = match kept.tail.len() {
            TAIL.. => kept.tail.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1),
            _ => 0,
        };
        String::from_utf8_lossy(&kept.tail[whole..]).into_owned()
    }

    /// Bytes that could not be written to the log.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lost
    }

    pub(crate) fn hear(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        let surplus = kept.tail.len().saturating_sub(TAIL);
        kept.tail.drain(..surplus);
    }

    fn lose(&self, bytes: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lost = bytes;
    }
}

/// Reads until nobody can write any more. A log that cannot be written is reported once and left;
/// the child is heard in any case, as it would otherwise stand still at a full pipe.
pub(crate) async fn read(mut from: Receiver, said: Said, log: Option<(PathBuf, Bytes)>) {
    let mut log = match log {
        Some((path, cap)) => begin(path, cap).await,
        None => None,
    };
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        match from.read_buf(&mut piece).await {
            Ok(0) => return,
            Ok(_) => said.hear(&piece),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "cannot read a child's standard error");
                return;
            }
        }
        if let Some(mut writer) = log.take() {
            // A disk may block for long; a thread of the runtime must not.
            let write = tokio::task::spawn_blocking(move || {
                writer.append(SystemClock.now(), &piece);
                (writer, piece)
            });
            let Ok((writer, buffer)) = write.await else { return };
            if writer.lost() > 0 && said.lost() == 0 {
                tracing::warn!(lost = writer.lost(), "a child's log cannot be written");
            }
            said.lose(writer.lost());
            (log, piece) = (Some(writer), buffer);
        }
    }
}

async fn begin(path: PathBuf, cap: Bytes) -> Option<log::Writer> {
    let shown = path.display().to_string();
    let begun = tokio::task::spawn_blocking(move || log::Writer::create(&path, cap)).await;
    match begun.map_err(io::Error::other).flatten() {
        Ok(writer) => Some(writer),
        Err(error) => {
            tracing::warn!(path = shown, error = %chain(&error), "a child's log cannot be made");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_is_kept_from_a_whole_line_on() {
        let said = Said::default();
        said.hear(b"short\n");
        assert_eq!(said.tail(), "short\n");
        for number in 0..10_000 {
            said.hear(format!("line {number}\n").as_bytes());
        }
        let tail = said.tail();
        assert!(tail.len() <= TAIL && tail.len() > TAIL - 20);
        assert!(tail.starts_with("line ") && tail.ends_with("line 9999\n"), "{tail}");
    }

    #[test]
    fn one_endless_line_is_kept_too() {
        let said = Said::default();
        said.hear(&[b'x'; 100_000]);
        assert_eq!(said.tail().len(), TAIL);
    }
}
