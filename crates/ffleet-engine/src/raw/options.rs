//! The options that are taken, and what their values may be.

use super::{filters, is_in, params, shown};
use crate::plan::Refused;

/// A known option.
#[derive(Debug)]
pub(super) struct Known {
    /// Its name, without dash and stream specifier.
    pub(super) name: &'static str,
    /// What follows it.
    pub(super) takes: Takes,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing: it is a switch.
    Nothing,
    /// A muxer.
    Format,
    /// An encoder.
    Codec,
    /// A chain or graph of filters.
    Filters,
    /// A chain of bitstream filters.
    BitstreamFilters,
    /// `key=value:…` for a library with options of its own.
    Params(params::Library),
    /// A value that cannot lead anywhere: a number, a flag, a text that is stored.
    Plain,
}

/// Switches.
const SWITCHES: &str = "\
    an vn sn dn shortest bitexact copyinkf start_at_zero accurate_seek copyts";

/// Options with a value that only shapes the output. FFmpeg's own first, then those of muxers,
/// then those of encoders, as FFmpeg 5 to 7 document them.
const PLAIN: &str = "\
    map map_metadata map_chapters metadata disposition t to ss fs frames vframes aframes dframes r \
    fpsmax s aspect pix_fmt vsync fps_mode async sws_flags ac ar sample_fmt channel_layout \
    ch_layout vol apad timestamp muxdelay muxpreload max_muxing_queue_size \
    muxing_queue_data_threshold enc_time_base copypriorss copytb output_ts_offset \
    avoid_negative_ts max_interleave_delta tag vtag atag timecode autorotate autoscale \
    force_key_frames bits_per_raw_sample streamid program b ab vb q qscale aq vq \
    minrate maxrate bufsize rc_init_occupancy bt compression_level global_quality strict flags \
    flags2 fflags threads thread_type slices profile level tier preset tune crf crf_max qp qmin \
    qmax qdiff qblur qcomp cqp rc mode quality deadline speed usage trellis lossless cutoff g \
    keyint_min sc_threshold bf b_strategy b-pyramid b-bias refs me_method motion-est me_range subq \
    cmp subcmp mbcmp mbd dia_size weightb weightp direct-pred partitions 8x8dct fast-pskip coder \
    deblock nr psy psy-rd aq-mode aq-strength rc-lookahead rc_lookahead lookahead mbtree \
    mixed-refs intra-refresh aud nal-hrd bluray-compat cplxblur slice-max-size forced-idr \
    closed_gop chromaoffset avcintra-class wpredp ssim psnr a53cc udu_sei noise_reduction \
    spatial-aq temporal-aq surfaces no-scenecut b_ref_mode multipass cpu-used row-mt tile-columns \
    tile-rows tiles frame-parallel auto-alt-ref lag-in-frames arnr-maxframes arnr-strength \
    arnr-type arnr_max_frames arnr_strength arnr_type static-thresh max-intra-rate undershoot-pct \
    overshoot-pct noise-sensitivity tune-content corpus-complexity enable-tpl min-gop-size \
    error-resilience error-resilient drop-threshold sharpness altref la_depth hielevel \
    sc_detection denoise-noise-level denoise-block-size enable-cdef enable-restoration \
    enable-global-motion enable-intrabc still-picture dual_strategy color_range \
    color_primaries color_trc colorspace chroma_sample_location field_order top dc alternate_scan \
    pred application frame_duration vbr abr packet_loss fec mapping_family apply_phase_inv \
    joint_stereo reservoir aac_coder aac_ms aac_is aac_pns aac_tns aac_pce lpc_type lpc_passes \
    min_partition_order max_partition_order prediction_order_method ch_mode multi_dim_quant \
    dialnorm dsur_mode write_xing id3v2_version write_id3v1 write_id3v2 write_apetag afterburner \
    signaling latm movflags brand video_track_timescale frag_duration frag_size min_frag_duration \
    write_tmcd empty_hdlr_name movie_timescale use_editlist write_prft flvflags mpegts_flags \
    mpegts_service_id mpegts_pmt_start_pid mpegts_start_pid mpegts_transport_stream_id \
    mpegts_original_network_id mpegts_service_type mpegts_m2ts_mode muxrate pcr_period pat_period \
    sdt_period pes_payload_size tables_version reserve_index_space cluster_size_limit \
    cluster_time_limit cues_to_front default_mode write_crc32 live allow_raw_vfw flipped_raw_rgb \
    page_duration serial_offset rf64 write_bext write_peak loop final_delay plays rtmp_live \
    rtmp_buffer rtmp_flashver rtmp_app rtmp_playpath gifflags gifimage dpi dpm huffman pred_method \
    update";

/// Options that name an encoder.
const CODECS: &str = "\
    c codec vcodec acodec scodec";
/// Options that hold filters.
const FILTERS: &str = "\
    vf af filter";

/// Bitstream filters, none of which knows files.
const BITSTREAM_FILTERS: &str = "\
    aac_adtstoasc av1_frame_merge av1_frame_split av1_metadata chomp dca_core dump_extra eac3_core \
    extract_extradata filter_units h264_metadata h264_mp4toannexb h264_redundant_pps hevc_metadata \
    hevc_mp4toannexb mov2textsub mpeg4_unpack_bframes null opus_metadata pcm_rechunk remove_extra \
    setts text2movsub vp9_metadata vp9_superframe vp9_superframe_split";

/// Options that are refused for a reason worth telling.
const REFUSED: &[(&str, &str)] = &[
    ("i", "inputs are named by the job, one for each"),
    ("y", "whether files are replaced is the job's `--overwrite`"),
    ("n", "whether files are replaced is the job's `--overwrite`"),
    ("attach", "it reads another file"),
    ("dump_attachment", "it writes another file"),
    (
        "pass",
        "two passes need two runs and a statistics file; use -crf, or -b:v with -maxrate",
    ),
    ("passlogfile", "it names a statistics file"),
    ("vstats", "it writes another file"),
    ("vstats_file", "it writes another file"),
    ("report", "it writes a log file; the job's log has it all"),
    ("progress", "it writes elsewhere; the job's progress is read from it"),
    ("filter_script", "it reads a file; write the filters with -vf or -af"),
    ("filter_complex_script", "it reads a file"),
    (
        "filter_complex",
        "it belongs to the whole command; write the filters of this output with -vf or -af",
    ),
    (
        "lavfi",
        "it belongs to the whole command; write the filters of this output with -vf or -af",
    ),
    ("sdp_file", "it writes another file"),
    ("init_hw_device", "devices are the node's to give"),
    ("filter_hw_device", "devices are the node's to give"),
    ("hwaccel", "it belongs to the input"),
    ("fpre", "it reads a file of options"),
    ("vpre", "it reads a file of options"),
    ("apre", "it reads a file of options"),
    ("spre", "it reads a file of options"),
    ("dump", "it writes what is read to the log"),
    ("hex", "it writes what is read to the log"),
    ("loglevel", "the job's log needs its level"),
    ("v", "the job's log needs its level"),
    ("stats", "the job's progress is read elsewhere"),
    ("re", "it belongs to the input"),
    ("stream_loop", "it belongs to the input"),
    ("protocol_whitelist", "what may be read is the job's to say"),
    ("format_whitelist", "what may be read is the job's to say"),
    ("vbsf", "bitstream filters are not checked yet"),
    ("absf", "bitstream filters are not checked yet"),
    ("stats_enc_pre", "it writes another file"),
    ("stats_enc_post", "it writes another file"),
    ("stats_mux_pre", "it writes another file"),
    ("x264opts", "write -x264-params instead, with the same keys"),
    ("stats_file", "it names a statistics file"),
    ("qphist", "it prints to the log only"),
    ("psnr_file", "it writes another file"),
    ("vfilters", "write -vf"),
    ("encryption_key", "keys do not belong into options that are kept and shown"),
    ("cenc_aes_key", "keys do not belong into options that are kept and shown"),
];

/// Muxers that write the one file they are given.
const FORMATS: &str = "\
    mp4 mov ipod matroska webm mpegts flv avi ogg oga ogv opus spx mp3 mp2 flac wav w64 aiff caf \
    adts ac3 eac3 gif apng image2pipe mjpeg h264 hevc obu ivf mxf nut asf mpeg vob dvd 3gp 3g2 f4v \
    psp ismv au tta wv webvtt srt ass yuv4mpegpipe m4v dts truehd";

/// Whether an option of this name takes no value.
pub(super) fn is_switch(name: &str) -> bool {
    is_in(SWITCHES, name)
}

/// The option with this name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.name == name)
}

/// Why an option is refused, where that is worth telling.
pub(super) fn why_not(name: &str) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(refused, _)| *refused == name)
        .map(|(_, why)| *why)
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|known| known.name)
}

static ALL: std::sync::LazyLock<Vec<Known>> = std::sync::LazyLock::new(|| {
    let of = |names: &'static str, takes| names.split(' ').map(move |name| Known { name, takes });
    of(SWITCHES, Takes::Nothing)
        .chain(of(PLAIN, Takes::Plain))
        .chain(of(CODECS, Takes::Codec))
        .chain(of(FILTERS, Takes::Filters))
        .chain(of("f", Takes::Format))
        .chain(of("bsf", Takes::BitstreamFilters))
        .chain(
            params::OPTIONS
                .iter()
                .map(|&(name, library)| Known { name, takes: Takes::Params(library) }),
        )
        .collect()
});

impl Known {
    /// Checks the value of this option, which was written as `word`.
    pub(super) fn check(&self, word: &str, value: &str) -> Result<(), Refused> {
        match self.takes {
            Takes::Nothing => Ok(()),
            Takes::Plain => self.plain(word, value),
            Takes::Format if is_in(FORMATS, value) => Ok(()),
            Takes::Format => Err(Refused::user(format!(
                "format {} is not taken: it is not known, or writes more than the one file; known are {}",
                shown(value),
                FORMATS.replace(' ', ", ")
            ))),
            Takes::Codec => codec(word, value),
            Takes::Filters => filters::check(word, value),
            Takes::BitstreamFilters => bitstream_filters(word, value),
            Takes::Params(library) => params::check(library, word, value),
        }
    }

    fn plain(&self, word: &str, value: &str) -> Result<(), Refused> {
        let no = |why: &str| Err(Refused::user(format!("{word} {}: {why}", shown(value))));
        match self.name {
            // Text that is stored in the result, whatever it says.
            "metadata" if value.contains('=') => Ok(()),
            "metadata" => no("metadata is written KEY=VALUE"),
            "map" if !map(value) => {
                no("only tracks of the job's own input can be mapped, as 0:v:0 or 0:a?")
            }
            "map_metadata" | "map_chapters"
                if !value.starts_with('0') && !value.starts_with("-1") =>
            {
                no("only those of the job's own input, 0, or none, -1, can be taken")
            }
            "threads" if value.parse::<u32>().is_ok_and(|count| count <= 128) => Ok(()),
            "threads" => no("a number of threads is from 0 to 128"),
            "flags" | "flags2" if value.contains("pass") && self.name == "flags" => {
                no("two passes need a statistics file; use -crf, or -b:v with -maxrate")
            }
            "update" if value == "1" => Ok(()),
            "update" => no("only 1 is taken: one picture"),
            "movflags" if has_word(value, &["rtphint"]) => {
                no("hint tracks describe a network session")
            }
            _ if value.contains('\n') || value.len() > 4_096 => no("no value is that long"),
            _ => Ok(()),
        }
    }
}

fn has_word(value: &str, words: &[&str]) -> bool {
    value.split(['+', '-', '|', ',']).any(|word| words.contains(&word))
}

/// `0`, `0:v:0`, `-0:s`, `0:a?`, `0:m:language:eng`; not `[label]`, not another input.
fn map(value: &str) -> bool {
    let value = value.strip_prefix('-').unwrap_or(value);
    let legal =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '?' | '_' | '-' | '#' | '.' | ' ');
    let own = value == "0" || value == "0?" || value.starts_with("0:");
    own && value.len() <= 128 && value.chars().all(legal)
}

/// An encoder's name. Which encoders there are is the build's matter; none of them opens files
/// but by options that are refused here.
fn codec(word: &str, value: &str) -> Result<(), Refused> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !value.is_empty() && value.len() <= 40 && value.chars().all(legal) && !value.starts_with('-')
    {
        return Ok(());
    }
    Err(Refused::user(format!("{word} {} is no name of a codec", shown(value))))
}

fn bitstream_filters(word: &str, value: &str) -> Result<(), Refused> {
    for filter in value.split(',') {
        let name = filter.split('=').next().unwrap_or_default();
        if !is_in(BITSTREAM_FILTERS, name)
            || filter.contains(['/', '\\', '\''])
            || filter.len() > 1_024
        {
            return Err(Refused::user(format!(
                "{word}: bitstream filter {} is not taken; known are {}",
                shown(filter),
                BITSTREAM_FILTERS.replace(' ', ", ")
            )));
        }
    }
    Ok(())
}
