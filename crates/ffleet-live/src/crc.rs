//! The check of NUT and of the tables of MPEG-TS: CRC-32 with the polynomial 0x04C11DB7, the most
//! significant bit first, without a final inversion.

const POLYNOMIAL: u32 = 0x04c1_1db7;

/// What a byte comes to, for each byte.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let (mut byte, mut place) = (0_u32, 0);
    while place < table.len() {
        let (mut crc, mut bit) = (byte << 24, 0);
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 31 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[place] = crc;
        (byte, place) = (byte + 1, place + 1);
    }
    table
};

/// What `crc` becomes with these bytes. NUT begins with 0, MPEG-TS with all ones (ISO 13818-1,
/// annex A); bytes that their own check follows come to 0.
pub(crate) fn crc(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, &byte| {
        let [first, ..] = crc.to_be_bytes();
        crc << 8 ^ TABLE[usize::from(first ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::crc;

    #[test]
    fn check_of_the_digits_is_the_catalogued_one() {
        // CRC-32/MPEG-2.
        assert_eq!(crc(u32::MAX, b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn bytes_with_their_check_come_to_nothing() {
        let check = crc(0, b"of NUT").to_be_bytes();
        assert_eq!(crc(0, &[&b"of NUT"[..], &check].concat()), 0);
    }
}
