//! Telling systemd how we are (sd_notify(3)): a datagram to the socket that it names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use ffleet_base::paths::Env;
use rustix::time::{ClockId, clock_gettime};

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Calls are answered.
    Ready,
    /// The configuration is read again.
    Reloading,
    /// We are alive.
    Alive,
    /// We stop.
    Stopping,
}

/// How often it wants to hear that we are alive; nothing if it does not. Half of what it waits for.
pub(crate) fn pulse(env: &Env) -> Option<Duration> {
    let number = |name| env.var(name)?.to_str()?.parse::<u64>().ok();
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    let micros = number("WATCHDOG_USEC").filter(|&micros| micros > 0)?;
    Some(Duration::from_micros(micros / 2))
}

/// Tells it, where somebody wants to know.
pub(crate) fn tell(env: &Env, message: Message) {
    let Some(socket) = env.var("NOTIFY_SOCKET") else {
        return;
    };
    let text = match message {
        Message::Ready => "READY=1".to_owned(),
        Message::Alive => "WATCHDOG=1".to_owned(),
        Message::Stopping => "STOPPING=1".to_owned(),
        Message::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
            format!("RELOADING=1\nMONOTONIC_USEC={micros}")
        }
    };
    if let Err(error) = send(socket, &text) {
        tracing::warn!(%error, ?socket, "cannot tell the service manager: {text}");
    }
}

fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        // The abstract name space, in which names begin with a NUL byte.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(text.as_bytes(), &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn service_manager_hears_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        tell(&[("NOTIFY_SOCKET", &path)].into_iter().collect(), Message::Ready);
        assert_eq!(heard(&socket), "READY=1");
    }

    #[test]
    fn watchdog_is_told_twice_in_its_time() {
        let of = |pairs: &[(&str, &str)]| pulse(&pairs.iter().copied().collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "3000000")]), Some(Duration::from_millis(1_500)));
        assert_eq!(of(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "1")]), None);
    }

    #[test]
    fn abstract_name_is_understood() {
        let name = format!("ffleet-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let env = [("NOTIFY_SOCKET", format!("@{name}"))].into_iter().collect();
        tell(&env, Message::Stopping);
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_to_tell_is_no_trouble() {
        tell(&Env::default(), Message::Ready);
        tell(&[("NOTIFY_SOCKET", "/nonexistent")].into_iter().collect(), Message::Ready);
    }
}
