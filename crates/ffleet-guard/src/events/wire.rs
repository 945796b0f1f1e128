//! The bytes of the connector: `linux/netlink.h`, `linux/connector.h`, `linux/cn_proc.h`, in the machine's byte
//! order.

use std::time::Duration;

use super::Wanted;

/// `CN_IDX_PROC`: the group of process events, as its number and as the bit of it.
pub(super) const GROUP: u32 = 1;
/// `CN_VAL_PROC`.
const VALUE: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;

/// `NLMSG_DONE`: a whole message.
const DONE: u16 = 3;
/// `NLMSG_OVERRUN`: something was lost.
const OVERRUN: u16 = 4;

/// `struct nlmsghdr` and `struct cn_msg`, in bytes; then the event, whose own fields begin behind what, CPU
/// and time.
const HEADER: usize = 16;
const MESSAGE: usize = 20;
const EVENT: usize = HEADER + MESSAGE;
const FIELDS: usize = EVENT + 16;

/// `enum proc_cn_event`.
const FORK: u32 = 0x1;
const EXEC: u32 = 0x2;
const UID: u32 = 0x4;
const COMM: u32 = 0x200;
const EXIT: u32 = 0x8000_0000;

/// What is said of a thread; its process is `pid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The process became another program, at this time of `CLOCK_MONOTONIC`.
    Exec { pid: u32, at: Duration },
    /// It was started.
    Fork { pid: u32, thread: u32 },
    /// It has another user.
    Uid { pid: u32, thread: u32 },
    /// It has another name.
    Comm { pid: u32, thread: u32 },
    /// It ended.
    Exit { pid: u32, thread: u32 },
    /// Something could not be kept for us.
    Lost,
}

/// Asks for events, all of them.
pub(super) fn listen(port: u32) -> Vec<u8> {
    message(port, &LISTEN.to_ne_bytes())
}

/// Asks for those that are wanted, of a kernel that knows `struct proc_input`.
pub(super) fn listen_to(port: u32, wanted: Wanted) -> Vec<u8> {
    let more = match wanted {
        Wanted::Programs => 0,
        Wanted::Forks => FORK,
    };
    let mask = EXEC | UID | COMM | EXIT | more;
    message(port, &[LISTEN.to_ne_bytes(), mask.to_ne_bytes()].concat())
}

fn message(port: u32, body: &[u8]) -> Vec<u8> {
    let total = u32::try_from(EVENT + body.len()).unwrap_or(u32::MAX);
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(EVENT + body.len());
    bytes.extend(total.to_ne_bytes());
    bytes.extend(DONE.to_ne_bytes());
    bytes.extend(0_u16.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(port.to_ne_bytes());
    for number in [GROUP, VALUE, 0, 0] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(length.to_ne_bytes());
    bytes.extend(0_u16.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// What a datagram says; nothing, if that is none of our business.
pub(super) fn parse(datagram: &[u8]) -> Option<What> {
    match u16::from_ne_bytes(datagram.get(4..6)?.try_into().ok()?) {
        OVERRUN => return Some(What::Lost),
        DONE => {}
        _ => return None,
    }
    if (number(datagram, HEADER)?, number(datagram, HEADER + 4)?) != (GROUP, VALUE) {
        return None;
    }
    let field = |index: usize| number(datagram, FIELDS + 4 * index);
    Some(match number(datagram, EVENT)? {
        // The parent's two come first.
        FORK => What::Fork { thread: field(2)?, pid: field(3)? },
        EXEC => What::Exec { pid: field(1)?, at: time(datagram)? },
        UID => What::Uid { thread: field(0)?, pid: field(1)? },
        COMM => What::Comm { thread: field(0)?, pid: field(1)? },
        EXIT => What::Exit { thread: field(0)?, pid: field(1)? },
        _ => return None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn time(datagram: &[u8]) -> Option<Duration> {
    let bytes = datagram.get(EVENT + 8..FIELDS)?;
    Some(Duration::from_nanos(u64::from_ne_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    /// As Linux 6.18 sent them: a fork, an exec, an end, and a new name.
    const RECORDED: [&str; 4] = [
        "4c000000030000000100000000000000010000000100000001000000000000002800000001000000010000001dde99f18f3800007e2b00007e2b0000a72b0000a72b00000000000000000000",
        "4c0000000300000002000000000000000100000001000000020000000000000028000000020000000100000\
         08116acf18f380000a72b0000a72b000000000000000000000000000000000000",
        "4c000000030000000300000000000000010000000100000003000000000000002800000000000080010000008af7b6f18f380000a72b0000a72b000000000000110000007e2b00007e2b0000",
        "4c00000003000000000000000000000001000000010000000e0400000000000028000000000200000100000093d1aee6ba380000c82e0000c82e000070797468000000000000000000000000",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn recorded_events_are_understood() {
        let said: Vec<_> = RECORDED.iter().filter_map(|hex| parse(&bytes(hex))).collect();
        assert_eq!(
            said,
            [
                What::Fork { pid: 11_175, thread: 11_175 },
                What::Exec { pid: 11_175, at: Duration::from_nanos(0x388f_f1ac_1681) },
                What::Exit { pid: 11_175, thread: 11_175 },
                What::Comm { pid: 11_976, thread: 11_976 },
            ]
        );
    }

    #[test]
    fn whatever_is_cut_off_or_foreign_is_passed_over() {
        for hex in RECORDED {
            let whole = bytes(hex);
            for length in 0..whole.len() {
                let _nothing_is_a_reason_to_panic = parse(&whole[..length]);
            }
            for at in 0..whole.len() {
                let mut other = whole.clone();
                other[at] ^= 0xFF;
                let _nor_is_this = parse(&other);
            }
            let mut other = whole.clone();
            other[HEADER] = 9;
            assert_eq!(parse(&other), None);
        }
        let mut lost = bytes(RECORDED[0]);
        lost[4] = 4;
        assert_eq!(parse(&lost), Some(What::Lost));
    }

    #[test]
    fn requests_are_as_the_kernel_reads_them() {
        let whole = listen(77);
        assert_eq!((whole.len(), number(&whole, 0), number(&whole, 12)), (40, Some(40), Some(77)));
        assert_eq!((number(&whole, EVENT), whole[32]), (Some(LISTEN), 4));
        let filtered = listen_to(77, Wanted::Forks);
        assert_eq!((filtered.len(), filtered[32]), (44, 8));
        assert_eq!(number(&filtered, EVENT + 4), Some(0x8000_0207));
        assert_eq!(number(&listen_to(77, Wanted::Programs), EVENT + 4), Some(0x8000_0206));
    }
}
