//! Where start codes are: 00 00 01 (ITU-T H.264 and H.265, Annex B).

/// How long a start code is in bytes.
pub(super) const CODE: usize = 3;

/// Where the first start code in `bytes` ends, where so many zeros came right before them (more than two are two).
///
/// Only each third byte is looked at as long as none of them is 0 or 1: a start code cannot be missed by that.
pub(super) fn behind_code(zeros: usize, bytes: &[u8]) -> Option<usize> {
    match (zeros, bytes) {
        (2.., [1, ..]) => return Some(1),
        (1.., [0, 1, ..]) => return Some(2),
        _ => {}
    }
    let mut at = CODE - 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            0 => 1,
            1 if bytes[at - 2..at] == [0, 0] => return Some(at + 1),
            _ => CODE,
        };
    }
    None
}

/// `bytes` without the zeros at their end, which are no part of a NAL unit (B.1: `trailing_zero_8bits`, the
/// beginning of a start code).
pub(super) fn without_zeros(bytes: &[u8]) -> &[u8] {
    let long = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &bytes[..long]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn start_code_is_where_it_is(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..40), zeros in 0..4_usize,
        ) {
            let all = [&vec![0; zeros][..], &bytes].concat();
            let first = all.windows(CODE).position(|window| window == [0, 0, 1]);
            prop_assert_eq!(behind_code(zeros, &bytes), first.map(|at| at + CODE - zeros));
        }
    }
}
