//! `-x264-params` and its kind: a language of its own in each library, with keys that read and
//! write files (`stats`, `qpfile`, `csv`, `analysis-save`, `recon`, `opencl-clbin` …). Again a
//! list of those that only tune.

use ffleet_media::nearest::nearest;

use super::{is_in, shown};
use crate::plan::Refused;

/// A library with parameters of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    X264,
    X265,
    SvtAv1,
    Aom,
}

/// The options that hold them.
pub(super) const OPTIONS: &[(&str, Library)] = &[
    ("x264-params", Library::X264),
    ("x265-params", Library::X265),
    ("svtav1-params", Library::SvtAv1),
    ("aom-params", Library::Aom),
];

const X264: &str = "\
    8x8dct aq-mode aq-strength aud b-adapt b-bias b-pyramid bframes bitrate bluray-compat cabac \
    chroma-me chroma-qp-offset chromaloc colormatrix colorprim constrained-intra cplxblur crf \
    crf-max deadzone-inter deadzone-intra deblock direct dct-decimate fade-compensate fast-pskip \
    filler force-cfr fps frame-packing fullrange interlaced intra-refresh ipratio keyint level \
    lookahead-threads me merange mbtree min-keyint mixed-refs mvrange mvrange-thread nal-hrd \
    no-8x8dct no-cabac no-chroma-me no-dct-decimate no-deblock no-fast-pskip no-mbtree \
    no-mixed-refs no-psy no-scenecut no-weightb nr open-gop overscan partitions pbratio pic-struct \
    psy psy-rd qblur qcomp qp qpmax qpmin qpstep range ratetol rc-lookahead ref repeat-headers sar \
    scenecut slice-max-mbs slice-max-size slice-min-mbs slices slices-max sliced-threads \
    stitchable subme sync-lookahead tff bff threads transfer trellis vbv-bufsize vbv-init \
    vbv-maxrate videoformat weightb weightp mastering-display cll alternative-transfer force-idr \
    ssim psnr";

const X265: &str = "\
    allow-non-conformance amp aq-mode aq-motion aq-strength asm atc-sei aud b-adapt b-intra \
    b-pyramid bframe-bias bframes bitrate cbqpoffs chromaloc cll colormatrix colorprim \
    constrained-intra copy-pic cplxblur crf crf-max crf-min crqpoffs ctu cu-lossless cutree \
    deblock dhdr10-opt early-skip eob eos fades fast-intra field fps frame-dup frame-threads \
    frames gop-lookahead hdr10 hdr10-opt hevc-aq high-tier hme hme-range hme-search hrd \
    idr-recovery-sei info interlace intra-refresh ipratio keyint level-idc limit-modes limit-refs \
    limit-sao limit-tu log-level lookahead-slices lookahead-threads lossless lslices \
    master-display max-ausize-factor max-cll max-luma max-merge max-qp-delta max-tu-size mcstf me \
    merange min-cu-size min-keyint min-luma multi-pass-opt-rps no-amp no-b-intra no-cutree \
    no-deblock no-fast-intra no-info no-open-gop no-pme no-pmode no-rect no-repeat-headers no-sao \
    no-scenecut no-strong-intra-smoothing no-weightb no-weightp no-wpp nr-inter nr-intra open-gop \
    opt-cu-delta-qp opt-qp-pps opt-ref-list-length-pps overscan pbratio pic-struct pme pmode pools \
    preset profile psnr psy-rd psy-rdoq qblur qcomp qg-size qp qpmax qpmin qpstep radl range \
    rc-grain rc-lookahead rd rd-refine rdoq-level rdpenalty rect ref repeat-headers rskip \
    rskip-edge-threshold sao sao-non-deblock sar scenecut scenecut-bias selective-sao signhide \
    single-sei slices splitrd-skip ssim ssim-rd strict-cbr strong-intra-smoothing subme \
    temporal-layers temporal-mvp tier total-frames transfer traditional-scenecut tskip tskip-fast \
    tu-inter-depth tu-intra-depth tune uhd-bd vbv-bufsize vbv-end vbv-init vbv-maxrate videoformat \
    vui-hrd-info vui-timing-info weightb weightp wpp";

const SVT_AV1: &str = "\
    adaptive-quantization aq-mode asm bias-pct buf-initial-sz buf-optimal-sz buf-sz \
    chroma-sample-position chroma-u-ac-qindex-offset chroma-u-dc-qindex-offset \
    chroma-v-ac-qindex-offset chroma-v-dc-qindex-offset color-primaries color-range content-light \
    crf enable-cdef enable-dg enable-dlf enable-hdr enable-mfmv enable-overlays enable-qm \
    enable-restoration enable-stat-report enable-tf enable-tpl-la enable-variance-boost \
    variance-boost-strength variance-octile fast-decode film-grain film-grain-denoise fps-denom \
    fps-num gop-constraint-rc hierarchical-levels irefresh-type keyint lookahead lossless lp \
    luma-y-dc-qindex-offset mastering-display matrix-coefficients max-qp maxsection-pct mbr \
    mbr-overshoot-pct min-qp minsection-pct overshoot-pct pin pred-struct preset profile qm-max \
    qm-min qp rc rmv scd scm sharpness startup-mg-size superres-denom superres-mode tbr \
    tile-columns tile-rows transfer-characteristics tune undershoot-pct tier level";

const AOM: &str = "\
    aq-mode arnr-maxframes arnr-strength auto-alt-ref cq-level cpu-used deltaq-mode \
    denoise-noise-level enable-cdef enable-chroma-deltaq enable-dnl-denoising enable-fwd-kf \
    enable-keyframe-filtering enable-qm enable-restoration enable-tpl-model gf-max-pyr-height \
    lag-in-frames lossless max-partition-size min-partition-size qm-max qm-min row-mt sb-size \
    sharpness static-thresh threads tile-columns tile-rows tune tune-content enable-obmc \
    disable-trellis-quant max-gf-interval min-gf-interval film-grain-test";

impl Library {
    const fn keys(self) -> &'static str {
        match self {
            Self::X264 => X264,
            Self::X265 => X265,
            Self::SvtAv1 => SVT_AV1,
            Self::Aom => AOM,
        }
    }
}

/// Checks `key=value:key=value`.
pub(super) fn check(library: Library, word: &str, value: &str) -> Result<(), Refused> {
    // A quote or a backslash would let FFmpeg see other pairs than are seen here.
    if value.contains(['\'', '"', '\\', '\n']) || value.len() > 4_096 {
        return Err(Refused::user(format!(
            "{word} {}: quotes, backslashes and line breaks are not taken here",
            shown(value)
        )));
    }
    for pair in value.split(':').filter(|pair| !pair.is_empty()) {
        let (key, setting) = pair.split_once('=').unwrap_or((pair, ""));
        // x264 takes `ref` and `no_ref`, `rc_lookahead` and `rc-lookahead` alike.
        let plain = key.trim().replace('_', "-");
        let keys = library.keys();
        if !is_in(keys, &plain) {
            let hint = nearest(&plain, keys.split(' ')).map_or_else(String::new, |near| {
                format!("; the nearest one that is known is {near}")
            });
            return Err(Refused::user(format!(
                "{word}: key {} is not taken: it is not known, or it reads or writes a file{hint}",
                shown(key)
            )));
        }
        if setting.contains('/') && !setting.bytes().all(|c| c.is_ascii_digit() || c == b'/') {
            return Err(Refused::user(format!(
                "{word}: the value of {key} looks like a path; none of these parameters takes one"
            )));
        }
    }
    Ok(())
}
