//! Filters: a list of those that work on the frames they are given and on nothing else.
//!
//! `movie`, `subtitles`, `lut3d`, `drawtext`'s files, `sendcmd`, `metadata`'s file, `zmq`,
//! `frei0r`, `ladspa` and their kind read, write, listen or load code.
//!
//! FFmpeg reads a graph twice: once for filters, which takes one level of quotes and escapes away,
//! and once for options. So quotes protect a comma, but not the colon before an option; options are
//! looked at without their quotes, and of escapes only `\\,` is taken.

use ffleet_media::nearest::nearest;

use super::{is_in, shown};
use crate::plan::Refused;

/// Filters whose options are all harmless.
const FILTERS: &str = "\
    scale zscale crop pad transpose hflip vflip rotate setsar setdar fps framerate minterpolate \
    setpts trim select loop reverse tpad split null copy format noformat cropdetect fillborders \
    shear perspective lenscorrection v360 tile untile thumbnail decimate mpdecimate framestep \
    shuffleframes random freezeframes settb setfield fieldorder telecine detelecine pullup \
    fieldmatch separatefields weave doubleweave tinterlace interlace il kerndeint yadif bwdif \
    w3fdif estdif phase idet repeatfields field zoompan scdet swaprect scroll fade xfade tmix \
    tblend lagfun deflicker photosensitivity vibrance eq hue colorbalance colorchannelmixer \
    colorcontrast colorcorrect colorhold colorize colorkey colorlevels colormatrix colorspace \
    colortemperature chromahold chromakey chromanr chromashift rgbashift exposure normalize histeq \
    negate grayworld greyedge monochrome pseudocolor selectivecolor limiter lut lutrgb lutyuv \
    tonemap setrange setparams alphaextract premultiply unpremultiply hsvhold hsvkey huesaturation \
    despill backgroundkey lumakey elbg palettegen paletteuse extractplanes shuffleplanes \
    mergeplanes swapuv colormap unsharp cas smartblur gblur boxblur avgblur dblur sab yaepblur \
    bilateral hqdn3d nlmeans atadenoise dctdnoiz fftdnoiz owdenoise vaguedenoiser removegrain \
    median tmedian xmedian deband gradfun deblock spp fspp uspp pp7 noise dedot edgedetect sobel \
    prewitt roberts kirsch convolution erosion dilation inflate deflate morpho amplify hqx \
    super2xsai xbr epx pixelize vignette drawbox drawgrid delogo bitplanenoise msad \
    aformat anull acopy aresample asetrate asetnsamples asetpts asettb atrim atempo areverse aloop \
    adelay apad afade asplit asubboost asubcut asupercut asuperpass asuperstop volume volumedetect \
    loudnorm dynaudnorm speechnorm acompressor alimiter agate acrusher adeclick adeclip \
    adecorrelate adenorm aderivative aintegral adynamicequalizer adynamicsmooth aecho aemphasis \
    aexciter afftdn afreqshift aphaser aphaseshift apulsator allpass bandpass bandreject bass \
    treble biquad highpass highshelf lowpass lowshelf equalizer superequalizer \
    anequalizer compand mcompand chorus flanger tremolo vibrato crossfeed crystalizer dcshift \
    deesser dialoguenhance earwax extrastereo haas stereotools stereowiden surround virtualbass \
    channelmap channelsplit pan join amerge amix silencedetect silenceremove aselect astats \
    ebur128 replaygain anlmdn rubberband tiltshelf drmeter libvmaf";

/// Filters of whose options only some are taken, by name.
const STRICT: &[(&str, &str)] = &[(
    "libvmaf",
    "model feature pool n_threads n_subsample eof_action shortest repeatlast ts_sync_mode",
)];

/// Options of otherwise harmless filters that are not: they read or write files, or hold commands.
const BAD_OPTIONS: &[&str] = &[
    "file",
    "filename",
    "f",
    "textfile",
    "fontfile",
    "stats_file",
    "log_path",
    "log_file",
    "psfile",
    "path",
    "model",
    "model_path",
    "result",
    "input",
    "gcurves",
    "commands",
    "c_file",
    "map_file",
    "video_file",
    "debug_kdtree",
    "dumpfile",
    "stats",
    "logfile",
    "fontsdir",
    "lut",
    "lutfile",
    "kernel_path",
    "kernel_file",
    "sofa",
    "ir_file",
    "destination",
];

/// Filters that take an option named like a bad one, and mean something else by it.
const GOOD_OPTIONS: &[(&str, &str)] = &[
    ("volumedetect", "f"),
    ("highpass", "f"),
    ("lowpass", "f"),
    ("bandpass", "f"),
    ("bandreject", "f"),
    ("bass", "f"),
    ("treble", "f"),
    ("equalizer", "f"),
    ("allpass", "f"),
    ("highshelf", "f"),
    ("lowshelf", "f"),
    ("dynaudnorm", "f"),
    ("tremolo", "f"),
    ("vibrato", "f"),
    ("deesser", "f"),
    ("hue", "f"),
    ("tiltshelf", "f"),
    ("zscale", "f"),
    ("zscale", "filter"),
    ("aformat", "f"),
    ("compand", "f"),
    ("anlmdn", "f"),
    ("field", "f"),
    ("speechnorm", "f"),
    ("v360", "input"),
    ("xbr", "f"),
    ("photosensitivity", "f"),
    ("freezeframes", "f"),
];

/// Most options of a filter that may be given by their places. The last options of a filter are
/// its newest, and may be files, in a release that nobody here has seen.
const UNNAMED: usize = 5;
/// Filters of which more are given by place. A file comes seventh in `paletteuse`, eleventh in
/// `selectivecolor`, twelfth in `loudnorm`; these numbers stay below.
const MORE_UNNAMED: &[(&str, usize)] = &[
    ("boxblur", 6),
    ("chorus", 6),
    ("colorbalance", 9),
    ("colorchannelmixer", 16),
    ("colorlevels", 12),
    ("compand", 7),
    ("crop", 6),
    ("drawbox", 6),
    ("drawgrid", 6),
    ("eq", 8),
    ("loudnorm", 11),
    ("pad", 6),
    ("perspective", 8),
    ("rotate", 6),
    ("selectivecolor", 10),
    ("unsharp", 6),
    ("zoompan", 7),
];
/// Longest graph that is read.
const LONGEST: usize = 8 * 1024;

/// All filters that are taken.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.split_ascii_whitespace()
}

/// How many options of `filter` may be given by their places.
fn unnamed_most(filter: &str) -> usize {
    let more = MORE_UNNAMED.iter().find(|(name, _)| *name == filter);
    more.map_or(UNNAMED, |&(_, most)| most)
}

/// Checks the graph `value` of the option `word`.
pub(super) fn check(word: &str, value: &str) -> Result<(), Refused> {
    let refuse = |why: String| Refused::user(format!("{word}: {why}"));
    if value.len() > LONGEST {
        return Err(refuse(format!("a graph is at most {LONGEST} characters long")));
    }
    if value.replace("\\,", "").contains('\\') {
        return Err(refuse(
            "of escapes only \\, is taken; put expressions in single quotes".to_owned(),
        ));
    }
    for filter in split(value).map_err(&refuse)? {
        let filter = strip_labels(filter.trim()).map_err(&refuse)?;
        if filter.is_empty() {
            return Err(refuse(format!("there is an empty filter in {}", shown(value))));
        }
        one(filter).map_err(&refuse)?;
    }
    Ok(())
}

/// The names of the filters in a graph that was checked.
pub(super) fn used(value: &str) -> Vec<String> {
    let parts = split(value).unwrap_or_default();
    let filters = parts.into_iter().filter_map(|part| strip_labels(part.trim()).ok());
    filters
        .map(name)
        .filter(|name| *name != "sws_flags")
        .map(str::to_owned)
        .collect()
}

/// See [`crate::raw::bodies`].
pub(super) fn bodies(value: &str) -> Vec<(usize, &str)> {
    let parts = split(value).unwrap_or_default();
    let bodies = parts.into_iter().filter_map(|part| strip_labels(part.trim()).ok());
    bodies
        .map(|body| (body.as_ptr().addr() - value.as_ptr().addr(), body))
        .collect()
}

/// The name in `name@id=options`.
fn name(filter: &str) -> &str {
    let (name, _options) = filter.split_once('=').unwrap_or((filter, ""));
    name.trim().split('@').next().unwrap_or_default()
}

/// Checks one filter, `name@id=options`.
fn one(filter: &str) -> Result<(), String> {
    let (_, options) = filter.split_once('=').unwrap_or((filter, ""));
    let name = name(filter);
    if name == "sws_flags" {
        return Ok(());
    }
    if !is_in(FILTERS, name) {
        let hint = nearest(name, FILTERS.split(' '))
            .map_or_else(String::new, |near| format!("; the nearest one that is known is {near}"));
        return Err(format!(
            "filter {} is not taken: it is not known, or it reads, writes or reaches beyond its frames{hint}",
            shown(name)
        ));
    }
    if let Some((_, known)) = STRICT.iter().find(|(strict, _)| *strict == name) {
        return strict(name, options, known);
    }
    let plain = options.replace('\'', "");
    let most = unnamed_most(name);
    // A list, `1|2|3`, takes one place.
    if plain.split(':').filter(|option| !option.contains('=')).count() > most {
        return Err(format!("filter {name} has more than {most} options without names: name them"));
    }
    for option in plain.split([':', '|']) {
        let Some((key, _)) = option.split_once('=') else {
            continue;
        };
        let key = key.trim();
        // FFmpeg 7 loads the value of `/key` from a file.
        if key.starts_with('/')
            || BAD_OPTIONS.contains(&key) && !GOOD_OPTIONS.contains(&(name, key))
        {
            return Err(format!(
                "option {} of filter {name} is not taken: it names a file or holds commands",
                shown(key)
            ));
        }
    }
    Ok(())
}

/// Checks `options` of a filter that takes those that are `known` and no others. Each must have its
/// name, and its value must be plain: a model by its version, a feature by its name, a word or a
/// number. What a model or a feature takes beyond that reads and writes files.
fn strict(name: &str, options: &str, known: &str) -> Result<(), String> {
    if options.is_empty() {
        return Ok(());
    }
    for option in options.split(':') {
        let (key, value) = option.split_once('=').unwrap_or(("", option));
        if !is_in(known, key) {
            return Err(format!(
                "option {} of filter {name} is not taken: name one of {}",
                shown(if key.is_empty() { option } else { key }),
                known.replace(' ', ", ")
            ));
        }
        let word = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
        };
        let bare = value
            .strip_prefix('\'')
            .and_then(|value| value.strip_suffix('\''))
            .unwrap_or(value);
        let is_plain = match key {
            "model" => bare
                .split('|')
                .all(|one| one.strip_prefix("version=").is_some_and(word)),
            "feature" => bare.split('|').all(|one| one.strip_prefix("name=").is_some_and(word)),
            _ => word(value),
        };
        if !is_plain {
            let form = match key {
                "model" => "version=NAME",
                "feature" => "name=NAME",
                _ => "a word or a number",
            };
            return Err(format!(
                "{} of filter {name} is not taken: {key} may be {form} and nothing else, because \
                 more of it can name files",
                shown(option)
            ));
        }
    }
    Ok(())
}

/// The parts of `text` between commas and semicolons that are not quoted or escaped.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' && !quoted {
            escaped = true;
        } else if letter == '\'' {
            quoted = !quoted;
        } else if !quoted && matches!(letter, ',' | ';') {
            parts.push(&text[from..at]);
            from = at + letter.len_utf8();
        }
    }
    if quoted || escaped {
        return Err(format!("{} ends inside a quote or an escape", shown(text)));
    }
    parts.push(&text[from..]);
    Ok(parts)
}

/// A filter without the labels of its pads, `[in]scale=…[out]`.
fn strip_labels(mut filter: &str) -> Result<&str, String> {
    let torn = || format!("{} has a torn label", shown(filter));
    let mut rest = filter;
    while let Some(after) = rest.strip_prefix('[') {
        let (label, after) = after.split_once(']').ok_or_else(torn)?;
        if !label
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-'))
        {
            return Err(torn());
        }
        rest = after.trim_start();
    }
    filter = rest;
    while let Some(before) = filter.strip_suffix(']') {
        let at = before
            .rfind('[')
            .ok_or_else(|| format!("{} has a torn label", shown(rest)))?;
        filter = before[..at].trim_end();
    }
    if filter.contains(['[', ']']) {
        return Err(format!("{} has a label inside a filter", shown(rest)));
    }
    Ok(filter)
}
