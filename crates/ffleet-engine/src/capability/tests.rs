use super::*;

#[test]
fn version_is_the_word_after_the_programs_name() {
    let answer = "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt with gcc";
    assert_eq!(version(answer).as_deref(), Some("5.1.9-0+deb12u1"));
    assert_eq!(version("ffprobe version n6.0 Copyright").as_deref(), Some("n6.0"));
    for answer in ["", "bash: ffmpeg: not found", "GNU bash, version 5.2"] {
        assert_eq!(version(answer), None, "{answer}");
    }
}

#[test]
fn listing_loses_its_legend() {
    let encoders = "Encoders:\n V..... = Video\n A..... = Audio\n .....D = Supports direct rendering method 1\n \
                    ------\n V....D libx264              libx264 H.264\n A....D aac   AAC\n S..... mov_text  3GPP\n";
    assert_eq!(listed(encoders), ["libx264", "aac", "mov_text"]);
    let filters = "Filters:\n  T.. = Timeline support\n  | = Source or sink filter\n ... abench            A->A       \
                   Benchmark\n TSC scale  V->V  Scale\n";
    assert_eq!(listed(filters), ["abench", "scale"]);
    assert!(listed("").is_empty());
}

#[test]
fn muxers_are_there_by_each_of_their_names() {
    let answer = "Formats:\n D. = Demuxing supported\n .E = Muxing supported\n ..d = Is a device\n --\n  E mp4             \
                  MP4 (MPEG-4 Part 14)\n  Ed sdl,sdl2        SDL2 output device\n DE  matroska Matroska\n D  mov,mp4,m4a QuickTime\n";
    assert_eq!(muxers(answer), ["mp4", "sdl", "sdl2", "matroska"]);
    assert!(muxers("").is_empty());
}

#[test]
fn only_what_is_listed_is_tried() {
    let some = samples(&["libx264".to_owned(), "h264_nvenc".to_owned(), "aac".to_owned()]);
    let names: Vec<_> = some.iter().map(|sample| sample.encoder).collect();
    assert_eq!(names, ["libx264", "aac"]);
}

#[test]
fn one_process_encodes_all_samples_and_one_decodes_them() {
    let all: Vec<&Sample> = SAMPLES.iter().collect();
    let args = encode(&all, "/tmp/proof");
    assert_eq!(args.iter().filter(|word| *word == "-i").count(), 2);
    assert_eq!(
        args.iter().filter(|word| word.starts_with("file:/tmp/proof/")).count(),
        SAMPLES.len()
    );
    let args = decode(&all, "/tmp/proof");
    assert_eq!(args.iter().filter(|word| *word == "-i").count(), SAMPLES.len());
    let video = [all[0]];
    assert_eq!(
        encode(&video, "/d").iter().filter(|word| *word == "-i").count(),
        1,
        "no subtitle for a picture"
    );
}

#[test]
fn trials_are_summed_up() {
    let of = |name: &str| SAMPLES.iter().find(|sample| sample.encoder == name).unwrap();
    let proven = sum_up(&[
        (of("libx264"), Trial::Passed),
        (of("libsvtav1"), Trial::NotEncoded("no AVX2".to_owned())),
        (of("libaom-av1"), Trial::Passed),
        (of("libvpx-vp9"), Trial::NotDecoded("no decoder".to_owned())),
    ]);
    assert_eq!(proven.encoders, ["libx264", "libaom-av1", "libvpx-vp9"]);
    assert_eq!(proven.decoders, ["h264", "av1"]);
    let unproven: Vec<_> = proven.unproven.keys().map(String::as_str).collect();
    assert_eq!(unproven, ["decoder vp9", "encoder libsvtav1"]);
}

#[test]
fn codec_that_another_sample_proved_is_proven() {
    let of = |name: &str| SAMPLES.iter().find(|sample| sample.encoder == name).unwrap();
    let proven = sum_up(&[
        (of("libsvtav1"), Trial::NotDecoded("torn".to_owned())),
        (of("libaom-av1"), Trial::Passed),
    ]);
    assert!(proven.unproven.is_empty() && proven.decoders == ["av1"], "{proven:?}");
}

#[test]
fn codecs_are_as_good_as_the_names_of_their_encoders() {
    let answer = "Encoders:\n V..... = Video\n ------\n \
        V....D libx264              libx264 H.264 / AVC / MPEG-4 AVC (codec h264)\n \
        V....D h264_nvenc           NVIDIA NVENC H.264 encoder (codec h264)\n \
        VFS..D mpeg2video           MPEG-2 video\n";
    assert_eq!(encodable(answer), ["h264", "h264_nvenc", "libx264", "mpeg2video"]);
}
