//! NAL units out of the byte stream format (annex B of ITU-T H.264 and H.265).

/// The units of a byte stream, without start codes and trailing zeros, empty ones left out; none where it does not
/// begin with a start code.
pub(super) fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = match start_code(bytes) {
        Some(at) if bytes[..at].iter().all(|&byte| byte == 0) => &bytes[at + 3..],
        Some(_) | None => &[],
    };
    let all = std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (unit, after) = match start_code(rest) {
            Some(at) => (&rest[..at], &rest[at + 3..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..end])
    });
    all.filter(|unit| !unit.is_empty())
}

/// Where the next three bytes 0, 0, 1 are.
///
/// It looks at each third byte: where that is above 1, no start code has it.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    while let Some(&third) = bytes.get(at) {
        match third {
            0 => at += 1,
            1 if bytes[at - 2..at] == [0, 0] => return Some(at - 2),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_come_without_what_frames_them() {
        let stream = [0, 0, 0, 1, 9, 16, 0, 0, 1, 6, 0, 5, 0, 0, 0, 1, 0, 0, 1, 1, 2, 0, 0];
        let found: Vec<_> = units(&stream).collect();
        assert_eq!(found, [&[9, 16][..], &[6, 0, 5], &[1, 2]]);
    }

    #[test]
    fn bytes_without_a_start_code_in_front_have_no_units() {
        assert_eq!(units(&[0, 0, 0, 2, 9, 16, 0, 0, 1, 5]).count(), 0);
        assert_eq!(units(&[]).count(), 0);
        assert_eq!(units(&[0, 0, 1]).count(), 0);
    }

    proptest! {
        #[test]
        fn units_are_what_was_put_between_start_codes(
            parts in prop::collection::vec(
                (any::<bool>(), prop::collection::vec(2..6_u8, 1..9)),
                1..9,
            ),
        ) {
            let mut stream = Vec::new();
            for (is_long, part) in &parts {
                stream.extend_from_slice(if *is_long { &[0, 0, 0, 1] } else { &[0, 0, 1] });
                stream.extend_from_slice(part);
            }
            prop_assert!(units(&stream).eq(parts.iter().map(|(_, part)| &part[..])));
        }

        #[test]
        fn start_code_is_where_a_plain_look_finds_it(bytes in prop::collection::vec(0..4_u8, 0..64)) {
            let plain = bytes.windows(3).position(|three| three == [0, 0, 1]);
            prop_assert_eq!(start_code(&bytes), plain);
        }
    }
}
