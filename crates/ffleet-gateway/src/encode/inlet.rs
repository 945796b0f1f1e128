//! Where the frames of a track come from.

use std::collections::VecDeque;

use tokio::sync::mpsc::Receiver;

use crate::inputs::Frame;

/// Frames that were looked at and put back, and behind them those that come.
#[derive(Debug)]
pub(super) struct Inlet {
    held: VecDeque<Frame>,
    frames: Receiver<Frame>,
}

impl Inlet {
    /// Puts a frame back, behind those that were before.
    pub(super) fn hold(&mut self, frame: Frame) {
        self.held.push_back(frame);
    }

    /// The next one that was not looked at yet. May be dropped at any time.
    pub(super) async fn look(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    /// The next one; nothing where no more comes. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        match self.held.pop_front() {
            Some(frame) => Some(frame),
            None => self.frames.recv().await,
        }
    }
}

impl From<Receiver<Frame>> for Inlet {
    fn from(frames: Receiver<Frame>) -> Self {
        Self { held: VecDeque::new(), frames }
    }
}
