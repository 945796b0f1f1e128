use super::*;
use proptest::prelude::*;

/// All that can be told of a producer.
const FORMATS: &[Option<Format>] = &[
    None,
    Some(Format::MpegTs),
    Some(Format::FragmentedMp4),
    Some(Format::Flv),
    Some(Format::Matroska),
    Some(Format::MultipartJpeg),
    Some(Format::Mp3),
    Some(Format::Adts),
    Some(Format::Ogg),
    Some(Format::Opaque),
];

/// What formats begin with, and what is special in them.
const WORDS: &[&[u8]] = &[
    b"\x47",
    b"\x47\x40\0\x10\0",
    b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
    b"\x09\0\0\x05\0\0\0\0\0\0\0\x17\x01\0\0\0\0\0\0\x10",
    b"\x12\0\0\x0d\0\0\0\0\0\0\0\x02\0\x0aonMetaData",
    b"\x1a\x45\xdf\xa3\x80",
    b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
    b"\x1f\x43\xb6\x75\xff",
    b"\x16\x54\xae\x6b\x8a\xae\x88\xd7\x81\x01\x83\x81\x01",
    b"\xa3\x85\x81\0\0\x80\0",
    b"\xa0\x87\xa1\x85\x81\0\0\0\0",
    b"\xec\x40",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead",
    b"OggS\0\0",
    b"\0\0\0\x10ftypiso5\0\0\0\0",
    b"\0\0\0\x08moov",
    b"\0\0\0\x18moof\0\0\0\x10traf\0\0\0\x08tfhd",
    b"\0\0\0\x0cmdat",
    b"\r\n--x\r\n",
    b"--x\r\nContent-type: image/jpeg\r\n",
    b"Content-Length: 3\r\n\r\n",
    b"ID3\x04\0\0\0\0\0\x02",
    b"\xff\xfb\x90\0",
    b"\xff\xf1\x50\x80\x01\x3f\xfc",
    b"TAG",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        3 => prop::sample::select(WORDS).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..400_usize).prop_map(|(byte, long)| vec![byte; long]),
        1 => prop::collection::vec(any::<u8>(), 187..=187).prop_map(|mut rest| {
            rest.insert(0, ts::SYNC);
            rest
        }),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// What is told of bytes in the end, and the join points on the way.
fn scanned(
    format: Option<Format>,
    bytes: &[u8],
    cuts: &mut dyn FnMut() -> usize,
) -> (Scanner, Vec<Join>) {
    let mut scanner = Scanner::new(format);
    let mut joins: Vec<Join> = Vec::new();
    let (mut rest, mut whole, mut seen) = (bytes, 0, 0);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cuts().clamp(1, rest.len()));
        scanner.scan(piece);
        seen += piece.len() as u64;
        assert!((whole..=seen).contains(&scanner.whole()));
        whole = scanner.whole();
        for join in scanner.joins() {
            assert!(join.at <= whole);
            assert!(joins.last().is_none_or(|last| last.at < join.at));
            joins.push(join);
        }
        rest = after;
    }
    (scanner, joins)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_cut_anywhere_are_told_the_same_of(
        bytes in bytes(),
        format in prop::sample::select(FORMATS),
        cuts in prop::collection::vec(1..300_usize, 1..20),
    ) {
        let (once, expected) = scanned(format, &bytes, &mut || usize::MAX);
        let mut cuts = cuts.iter().copied().cycle();
        let by_cuts = scanned(format, &bytes, &mut || cuts.next().unwrap_or(1));
        for (scanner, joins) in [by_cuts, scanned(format, &bytes, &mut || 1)] {
            prop_assert_eq!(scanner.whole(), once.whole());
            prop_assert_eq!(scanner.format(), once.format());
            let (same, more) = joins.split_at(joins.len().min(expected.len()));
            prop_assert_eq!(same, &expected);
            // Each call's bytes are a join point where nothing is known of them.
            prop_assert!(more.is_empty() || once.format() == Some(Format::Opaque));
            prop_assert!(more.iter().all(|join| !join.is_key));
        }
    }

    #[test]
    fn format_is_told_for_good(mut bytes in bytes()) {
        bytes.truncate(900);
        let told: Vec<_> = (0..=bytes.len()).map(|end| Format::sniff(&bytes[..end])).collect();
        for (end, format) in told.iter().enumerate() {
            prop_assert!(format.is_none() || told[end..].iter().all(|later| later == format));
        }
    }
}

#[test]
fn nothing_known_is_all_whole() {
    let mut scanner = Scanner::new(Some(Format::Opaque));
    for (piece, whole) in [(&b"abc"[..], 3), (b"", 3), (b"d", 4)] {
        scanner.scan(piece);
        assert_eq!(scanner.whole(), whole);
    }
    let joins: Vec<_> = scanner.joins().map(|join| (join.at, join.is_key)).collect();
    assert_eq!(joins, [(0, false), (3, false)]);
    assert_eq!(scanner.joins().count(), 0);
}

#[test]
fn what_does_not_say_what_it_is_soon_is_opaque() {
    let mut scanner = Scanner::new(None);
    scanner.scan(b"plain");
    assert_eq!((scanner.format(), scanner.whole()), (None, 0));
    scanner.scan(&[b' '; 1_000]);
    assert_eq!((scanner.format(), scanner.whole()), (Some(Format::Opaque), 1_005));
    assert_eq!(scanner.joins().map(|join| join.at).collect::<Vec<_>>(), [0]);
}

#[test]
fn noise_ends_in_opaque() {
    for &format in FORMATS {
        let mut scanner = Scanner::new(format);
        for _ in 0..=LOST / 4_000 + 1 {
            scanner.scan(&[0x5a; 4_000]);
        }
        scanner.scan(b"more");
        assert_eq!(scanner.format(), Some(Format::Opaque), "from {format:?}");
        assert_eq!(scanner.whole(), (LOST / 4_000 + 2) * 4_000 + 4, "from {format:?}");
    }
}

#[test]
fn join_points_that_nobody_takes_do_not_pile_up() {
    let mut scanner = Scanner::new(Some(Format::Opaque));
    for _ in 0..WAITING + 10 {
        scanner.scan(b"x");
    }
    let joins: Vec<_> = scanner.joins().map(|join| join.at).collect();
    assert_eq!((joins.len(), joins[0]), (WAITING, 10));
}

#[test]
fn media_types_say_the_format_whatever_their_case_and_parameters() {
    for (mimetype, format) in [
        ("video/mp2t", Some(Format::MpegTs)),
        ("Video/MP2T; charset=none", Some(Format::MpegTs)),
        ("video/mp4;codecs=\"avc1\"", Some(Format::FragmentedMp4)),
        ("audio/mp4", Some(Format::FragmentedMp4)),
        ("video/x-flv", Some(Format::Flv)),
        ("audio/webm", Some(Format::Matroska)),
        ("video/x-matroska", Some(Format::Matroska)),
        ("multipart/x-mixed-replace; boundary=ffmpeg", Some(Format::MultipartJpeg)),
        ("audio/mpeg", Some(Format::Mp3)),
        ("audio/aacp", Some(Format::Adts)),
        ("application/ogg", Some(Format::Ogg)),
        ("application/octet-stream", None),
        ("", None),
    ] {
        assert_eq!(Format::of_mime(mimetype), format, "{mimetype}");
    }
}

#[test]
fn heads_are_shared_while_they_are_the_same() {
    let mut scanner = Scanner::new(Some(Format::Opaque));
    scanner.scan(b"one");
    scanner.scan(b"two");
    let joins: Vec<_> = scanner.joins().collect();
    assert!(Arc::ptr_eq(&joins[0].head, &joins[1].head));
}

#[test]
fn call_may_bring_more_than_a_unit_can_hold() {
    let mut packets = vec![0xff; usize::try_from(UNIT).expect("small") / ts::PACKET * ts::PACKET];
    packets.resize(packets.len() + 100 * ts::PACKET, 0xff);
    for packet in packets.chunks_exact_mut(ts::PACKET) {
        packet[..4].copy_from_slice(&[ts::SYNC, 0x1f, 0xff, 0x10]);
    }
    let mut scanner = Scanner::new(None);
    scanner.scan(&packets);
    assert_eq!(scanner.format(), Some(Format::MpegTs));
    assert_eq!(scanner.whole(), packets.len() as u64);
}

#[test]
fn unit_that_is_too_long_ends_in_opaque() {
    let mut scanner = Scanner::new(None);
    scanner.scan(b"\0\0\0\x08ftyp\0\0\0\x08free");
    assert_eq!((scanner.format(), scanner.whole()), (Some(Format::FragmentedMp4), 16));
    scanner.scan(b"\0\0\0\x01mdat\0\0\0\0\x04\0\0\x01and so on");
    assert_eq!((scanner.format(), scanner.whole()), (Some(Format::Opaque), 41));
    assert_eq!(scanner.joins().map(|join| join.at).collect::<Vec<_>>(), [16]);
}

#[test]
fn what_ends_before_it_is_known_is_whole() {
    let mut scanner = Scanner::new(None);
    scanner.finish();
    assert_eq!((scanner.format(), scanner.whole()), (None, 0));
    scanner.scan(b"ten bytes.");
    assert_eq!((scanner.format(), scanner.whole()), (None, 0));
    scanner.finish();
    assert_eq!((scanner.format(), scanner.whole()), (Some(Format::Opaque), 10));
    assert_eq!(scanner.joins().map(|join| join.at).collect::<Vec<_>>(), [0]);
}

#[test]
fn packets_without_tables_are_joined_somewhere_in_the_end() {
    let mut packet = [0xa5; 188];
    packet[..4].copy_from_slice(&[0x47, 0x01, 0xff, 0x10]);
    let mut scanner = Scanner::new(None);
    for _ in 0..3 * (1 << 20) / 188 {
        scanner.scan(&packet);
    }
    let joins: Vec<_> = scanner.joins().collect();
    assert_eq!((scanner.format(), joins.len()), (Some(Format::MpegTs), 2));
    assert!(
        joins
            .iter()
            .all(|join| join.at % 188 == 0 && !join.is_key && join.at <= scanner.whole())
    );
}

#[test]
fn what_can_be_begun_anywhere_is_found_in_the_middle_of_a_unit() {
    let packet = [&[ts::SYNC, 0x1f, 0xff, 0x10][..], &[0xaa; 184]].concat();
    let frame = [&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc][..], &[0; 9]].concat();
    for (format, unit) in [(Format::MpegTs, packet), (Format::Adts, frame)] {
        assert!(format.is_found_anywhere());
        let all = unit.repeat(40);
        for cut in 0..unit.len() {
            let mut scanner = Scanner::new(Some(format));
            scanner.scan(&all[cut..]);
            assert_eq!(scanner.format(), Some(format), "from {cut}");
            assert_eq!(scanner.whole(), (all.len() - cut) as u64, "to the last of them");
        }
    }
}

#[test]
fn formats_have_names_of_their_own() {
    for format in FORMATS.iter().copied().flatten() {
        assert_eq!(Format::named(format.name()), Some(format));
    }
    assert_eq!(Format::named("avi"), None);
}
