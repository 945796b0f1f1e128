use proptest::prelude::*;

use super::*;
use crate::packet::{Packet, Track};
use crate::rtmp::amf::{self, Value};

/// Parameter sets as x264 and x265 write them, of pictures of 1920×1080.
const SPS: &str = "6742c028da01e0089f97011000000300100000030320f1832a";
const PPS: &str = "68ce0fc8";
const HEVC: [&str; 3] = [
    "40010c01ffff016000000300900000030000030078959409",
    "420101016000000300900000030000030078a003c0801107cb965654a4c2f0168080000003008000000c84",
    "4401c073c189",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn stream(units: &[&str]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [vec![0, 0, 0, 1], bytes(unit)].concat())
        .collect()
}

fn track(codec: Codec, config: Vec<u8>) -> Track {
    Track { codec, config }
}

fn avc() -> Track {
    track(Codec::H264, stream(&[SPS, PPS]))
}

fn aac() -> Track {
    track(Codec::Aac, vec![0x12, 0x10])
}

fn packet(pts: i64, dts: i64, bytes: Vec<u8>) -> Packet {
    Packet { pts, dts, is_key: true, bytes }
}

fn tags(packager: &mut Packager, track: usize, packet: &Packet) -> Vec<Tag> {
    let mut tags = Vec::new();
    packager.package(track, packet, &mut tags).expect("tags");
    tags
}

#[test]
fn headers_describe_pictures_and_sound() {
    let headers = Packager::new(&[avc(), aac()]).expect("tracks").headers();
    let [metadata, picture, sound] = &headers[..] else {
        panic!("{headers:?}")
    };
    assert!(headers.iter().all(Tag::is_header));
    let values = amf::decode(metadata.body()).expect("values");
    assert_eq!(values[0].text(), Some("onMetaData"));
    for (name, expected) in [
        ("width", Value::Number(1920.0)),
        ("height", Value::Number(1080.0)),
        ("videocodecid", Value::Number(7.0)),
        ("audiocodecid", Value::Number(10.0)),
        ("audiosamplerate", Value::Number(44_100.0)),
        ("stereo", Value::Boolean(true)),
    ] {
        assert_eq!(values[1].field(name), Some(&expected), "{name}");
    }
    let record = "0142c028ffe10019";
    let expected = format!("1700000000{record}{SPS}010004{PPS}");
    assert_eq!((picture.kind(), picture.body()), (Kind::Video, &bytes(&expected)[..]));
    assert_eq!((sound.kind(), sound.body()), (Kind::Audio, &[0xaf, 0, 0x12, 0x10][..]));
}

#[test]
fn header_of_h265_is_that_of_enhanced_rtmp() {
    let hevc = track(Codec::H265, stream(&HEVC));
    let mut packager = Packager::new(&[hevc]).expect("a track");
    let headers = packager.headers();
    let values = amf::decode(headers[0].body()).expect("values");
    assert_eq!(values[1].field("width"), Some(&Value::Number(1920.0)));
    assert_eq!(values[1].field("height"), Some(&Value::Number(1080.0)));
    assert_eq!(values[1].field("videocodecid"), Some(&Value::Number(1_752_589_105.0)));
    let record = "01016000000090000000000078f000fcfdf8f800000f03";
    let [vps, sps, pps] = HEVC;
    let expected = format!("90{}{record}a000010018{vps}a10001002b{sps}a200010006{pps}", "68766331");
    assert_eq!(headers[1].body(), bytes(&expected));
    // An IDR picture behind a delimiter, shown 40 ms after it is decoded.
    let coded = packet(3600, 0, stream(&["460150", "26019abc"]));
    let expected = bytes("916876633100002800000004 26019abc".replace(' ', "").as_str());
    assert_eq!(tags(&mut packager, 0, &coded)[0].body(), expected);
}

#[test]
fn parameter_sets_tell_the_size_of_pictures() {
    for (unit, size) in [
        // Whole pictures, fields, 4:2:2, 4:4:4 of ten bits; then one with lists of scaling factors and an order
        // of pictures of type 1, written by hand.
        (SPS, (1920, 1080)),
        ("674d4028f403c0227ef011000003000100000300321f162ea0", (1920, 1080)),
        ("677a000bbcb41623c444e022000003000200000300641e285540", (162, 120)),
        ("67f4000b90d9682847e7c044000003000400000300c83c50aa80", (160, 122)),
        ("6764001ead847fffe1ffffffffffffffff53541423f220", (160, 122)),
    ] {
        let sets = Track { codec: Codec::H264, config: stream(&[unit, PPS]) };
        let headers = Packager::new(&[sets]).expect(unit).headers();
        let values = amf::decode(headers[0].body()).expect("values");
        let side = |name| values[1].field(name).and_then(Value::number);
        let expected = (Some(f64::from(size.0)), Some(f64::from(size.1)));
        assert_eq!((side("width"), side("height")), expected, "{unit}");
    }
}

#[test]
fn record_of_a_high_profile_says_how_colour_is_coded() {
    let high = "677a000bbcb41623c444e022000003000200000300641e285540";
    let headers = Packager::new(&[track(Codec::H264, stream(&[high, PPS]))]).expect("a track");
    let body = headers.headers()[1].body().to_vec();
    assert!(body.ends_with(&bytes(&format!("010004{PPS}fef8f800"))), "{body:x?}");
}

#[test]
fn picture_comes_with_lengths_and_without_what_the_header_has() {
    let mut packager = Packager::new(&[avc()]).expect("a track");
    let key = packet(7200, 3600, stream(&["0910", SPS, PPS, "0605ff", "65880102"]));
    let made = tags(&mut packager, 0, &key);
    assert_eq!(made.len(), 1, "its parameter sets are known: {made:?}");
    assert_eq!(made[0].timestamp(), 40);
    let expected = "1701000028 00000003 0605ff 00000004 65880102".replace(' ', "");
    assert_eq!(made[0].body(), bytes(&expected));
    let inter = Packet { is_key: false, ..packet(7200, 7200, stream(&["419a"])) };
    assert_eq!(tags(&mut packager, 0, &inter)[0].body(), bytes("270100000000000002419a"));
    assert!(!made[0].is_header());
    assert_eq!(tags(&mut packager, 0, &packet(0, 0, stream(&["0910"]))), [], "nothing is coded");
}

#[test]
fn picture_shown_before_it_is_decoded_has_a_negative_offset() {
    let mut packager = Packager::new(&[avc()]).expect("a track");
    let made = tags(&mut packager, 0, &packet(0, 90, stream(&["65"])));
    assert_eq!(made[0].body()[..5], [0x17, 1, 0xff, 0xff, 0xff]);
}

#[test]
fn new_parameter_sets_in_a_packet_make_a_new_header() {
    let mut packager = Packager::new(&[avc(), aac()]).expect("tracks");
    let other = "68ce0fc9";
    let key = packet(90_000, 90_000, stream(&[SPS, other, "6588"]));
    let made = tags(&mut packager, 0, &key);
    let [header, picture] = &made[..] else {
        panic!("{made:?}")
    };
    assert!(header.is_header() && !picture.is_header());
    assert_eq!((header.timestamp(), picture.timestamp()), (1000, 1000));
    assert!(header.body().ends_with(&bytes(other)));
    assert_eq!(tags(&mut packager, 0, &key).len(), 1, "they are known now");
    assert_eq!(packager.headers()[1].body(), header.body());
}

#[test]
fn new_size_in_a_packet_makes_new_metadata() {
    let mut packager = Packager::new(&[aac(), avc()]).expect("tracks");
    let small = "677a000bbcb41623c444e022000003000200000300641e285540";
    let made = tags(&mut packager, 1, &packet(90_000, 90_000, stream(&[small, "6588"])));
    let kinds: Vec<_> = made.iter().map(|tag| (tag.kind(), tag.is_header())).collect();
    assert_eq!(kinds, [(Kind::Script, true), (Kind::Video, true), (Kind::Video, false)]);
    assert!(made.iter().all(|tag| tag.timestamp() == 1000));
    let values = amf::decode(made[0].body()).expect("values");
    assert_eq!(values[1].field("width"), Some(&Value::Number(162.0)));
    assert_eq!(packager.headers()[0].body(), made[0].body());
}

#[test]
fn packet_that_is_refused_leaves_no_trace() {
    let mut packager = Packager::new(&[avc()]).expect("a track");
    let mut made = Vec::new();
    let damaged = packet(0, 90_000, stream(&["68ce0fc9", "67", "6588"]));
    let refused = packager.package(0, &damaged, &mut made);
    let text = refused.map_err(|error| error.to_string());
    assert_eq!(text, Err("track 0: a parameter set cannot be read".to_owned()));
    assert!(made.is_empty());
    let good = tags(&mut packager, 0, &packet(0, 0, stream(&["68ce0fc9", "6588"])));
    assert_eq!(good.len(), 2, "its header is yet to come");
    assert_eq!(good[0].timestamp(), 0);
}

#[test]
fn changed_track_gets_a_new_header() {
    let mut packager = Packager::new(&[avc(), aac()]).expect("tracks");
    let sound = packet(90_000, 90_000, vec![1, 2]);
    assert_eq!(tags(&mut packager, 1, &sound)[0].body(), [0xaf, 1, 1, 2]);
    let mut made = Vec::new();
    packager.change(1, &aac(), &mut made).expect("no change");
    assert!(made.is_empty());
    packager
        .change(1, &track(Codec::Aac, vec![0x11, 0x88]), &mut made)
        .expect("a change");
    let rate = |tag: &Tag| {
        let values = amf::decode(tag.body()).expect("values");
        values[1].field("audiosamplerate").and_then(Value::number)
    };
    assert_eq!((made[0].kind(), rate(&made[0])), (Kind::Script, Some(48_000.0)));
    assert_eq!(made[1].body(), [0xaf, 0, 0x11, 0x88]);
    assert!(made.iter().all(|tag| tag.timestamp() == 1000));
    packager
        .change(1, &track(Codec::Mp3, Vec::new()), &mut made)
        .expect("a change");
    assert_eq!((made.len(), made[2].kind()), (3, Kind::Script), "MP3 has no header");
    let mp3 = packet(90_000, 90_000, bytes("fffb9000"));
    assert_eq!(tags(&mut packager, 1, &mp3)[0].body(), bytes("2ffffb9000"));
    let picture = packager.change(1, &avc(), &mut made);
    assert_eq!(picture, Err(Error::Second { track: 1, first: 1 }));
}

#[test]
fn what_flv_does_not_carry_is_refused_by_its_track() {
    let opus = track(Codec::Opus, Vec::new());
    for (tracks, text) in [
        (vec![avc(), opus], "track 1: FLV does not carry opus"),
        (
            vec![avc(), aac(), aac()],
            "track 2: FLV carries one track of its kind, and track 1 is that",
        ),
        (
            vec![track(Codec::H264, stream(&[SPS]))],
            "track 0: the parameter sets are not complete",
        ),
        (
            vec![track(Codec::H265, stream(&HEVC[..2]))],
            "track 0: the parameter sets are not complete",
        ),
        (
            vec![track(Codec::H264, stream(&["67", PPS]))],
            "track 0: a parameter set cannot be read",
        ),
        (
            vec![track(Codec::Aac, vec![0x12])],
            "track 0: the AudioSpecificConfig cannot be read",
        ),
    ] {
        let error = Packager::new(&tracks).expect_err(text);
        assert_eq!(error.to_string(), text);
    }
    let mut packager = Packager::new(&[avc(), track(Codec::Mp3, Vec::new())]).expect("tracks");
    for (track, packet, text) in [
        (2, packet(0, 0, vec![1]), "there is no track 2"),
        (0, packet(0, 0, vec![1]), "track 0: a packet does not begin with a start code"),
        (
            0,
            packet(90_000 * 10_000, 0, stream(&["65"])),
            "track 0: a picture is shown 10000000 ms after it is decoded, which FLV cannot say",
        ),
        (1, packet(0, 0, vec![1]), "track 1: a packet does not begin with a frame of MP3"),
        (
            0,
            packet(0, 0, [stream(&["65"]), vec![7; BODY]].concat()),
            "16777225 bytes do not fit into a tag of 16777215",
        ),
    ] {
        let mut made = Vec::new();
        let error = packager.package(track, &packet, &mut made).expect_err(text);
        assert_eq!(error.to_string(), text);
        assert!(made.is_empty());
    }
}

#[test]
fn parameter_sets_without_end_are_refused() {
    let mut packager = Packager::new(&[avc()]).expect("a track");
    let mut made = Vec::new();
    let large = [stream(&["68ce"]), vec![0xff; 64 << 10]].concat();
    let refused = packager.package(0, &packet(0, 0, large), &mut made);
    let what = "the parameter sets are longer than 64 KiB";
    assert_eq!(refused, Err(Error::Packet { track: 0, what }));
}

#[test]
fn times_before_the_origin_are_its_own_and_pictures_keep_theirs() {
    let mut packager = Packager::new(&[avc()]).expect("a track").starting_at(90_000);
    let early = tags(&mut packager, 0, &packet(99_000, 81_000, stream(&["65"])));
    assert_eq!(early[0].timestamp(), 0);
    assert_eq!(early[0].body()[2..5], [0, 0, 100]);
    let later = tags(&mut packager, 0, &packet(99_000, 94_500, stream(&["65"])));
    assert_eq!((later[0].timestamp(), later[0].body()[4]), (50, 50));
}

#[test]
fn times_wrap_after_32_bits() {
    let mut packager = Packager::new(&[aac()]).expect("a track");
    let at = |ticks| packet(ticks, ticks, vec![1]);
    let last = tags(&mut packager, 0, &at(90 * 0xffff_ffff));
    assert_eq!(last[0].timestamp(), u32::MAX);
    assert_eq!(tags(&mut packager, 0, &at(90 * 0x1_0000_0001))[0].timestamp(), 1);
}

#[test]
fn writer_frames_tags_as_a_file_has_them() {
    let mut writer = Writer::new(&[avc(), aac()]);
    let mut flv = Vec::new();
    writer.write(&Tag::new(Kind::Video, 0x0102_0304, vec![0x57]).expect("a tag"), &mut flv);
    writer.write(&Tag::new(Kind::Audio, 5, Vec::new()).expect("a tag"), &mut flv);
    let expected = [
        &b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..],
        b"\x09\0\0\x01\x02\x03\x04\x01\0\0\0\x57\0\0\0\x0c",
        b"\x08\0\0\0\0\0\x05\0\0\0\0\0\0\0\x0b",
    ];
    assert_eq!(flv, expected.concat());
    assert_eq!(
        Tag::new(Kind::Script, 0, vec![0; BODY + 1]),
        Err(Error::Long { long: BODY + 1 })
    );
}

proptest! {
    #[test]
    fn times_do_not_go_back_and_stay_within_half_a_millisecond(
        steps in prop::collection::vec(0..5_000_i64, 1..200),
        from in 0..1_i64 << 40,
    ) {
        let mut packager = Packager::new(&[aac()]).expect("a track");
        let (mut ticks, mut last) = (from, None::<i64>);
        for step in steps {
            ticks += step;
            let made = tags(&mut packager, 0, &packet(ticks, ticks, vec![1]));
            let near = (2 * ticks + 90).div_euclid(180);
            prop_assert_eq!(i64::from(made[0].timestamp()), near & 0xffff_ffff);
            prop_assert!(last.is_none_or(|last| last <= near));
            last = Some(near);
        }
    }

    #[test]
    fn times_that_go_back_are_held(times in prop::collection::vec(-1000..90_000_i64, 1..50)) {
        let mut packager = Packager::new(&[aac()]).expect("a track");
        let stamps: Vec<_> = times
            .iter()
            .map(|&time| tags(&mut packager, 0, &packet(time, time, vec![1]))[0].timestamp())
            .collect();
        prop_assert!(stamps.is_sorted());
    }

    #[test]
    fn garbage_is_packaged_or_refused(
        garbage in prop::collection::vec(prop_oneof![3 => 0..4_u8, 1 => Just(0x67), 1 => any::<u8>()], 0..200),
        pts in any::<i64>(),
        dts in any::<i64>(),
        is_hevc in any::<bool>(),
    ) {
        let codec = if is_hevc { Codec::H265 } else { Codec::H264 };
        let config = if is_hevc { stream(&HEVC) } else { stream(&[SPS, PPS]) };
        let _ = Packager::new(&[track(codec, garbage.clone())]);
        let _ = Packager::new(&[track(Codec::Aac, garbage.clone())]);
        let tracks = [track(codec, config), track(Codec::Mp3, Vec::new())];
        let mut packager = Packager::new(&tracks).expect("tracks").starting_at(pts);
        for at in [0, 1] {
            let mut made = Vec::new();
            let packaged = packager.package(at, &packet(pts, dts, garbage.clone()), &mut made);
            prop_assert!(packaged.is_ok() || made.is_empty());
        }
    }
}
