//! What survives: the real program, killed with SIGKILL, and its next life.
//!
//! An encode outlives its server (`adopt`), and so do live senders (`senders`) and verifications (`verify`). A server is killed at random instants while clients submit (`random`), at every named step of
//! publishing (`steps`), and in the middle of settling what such a death left; or it is stopped, and leaves what it does not wait for (`stop`). What must hold is
//! in one place (`judge`), and does not take the program's word for it: the kernel tells how
//! often a file got its name (`watch`), ffprobe decodes every result (`load`), and the histories
//! are replayed through the one table of legal moves.

mod adopt;
mod client;
mod disk;
mod engines;
mod judge;
mod life;
mod load;
mod random;
mod restart;
mod senders;
mod steps;
mod stop;
mod sync;
mod verify;
mod watch;
