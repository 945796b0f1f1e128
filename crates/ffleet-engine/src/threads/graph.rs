//! What a chain of filters makes of a picture, as far as threads go: how large it becomes, and how
//! often it is scaled. A graph has one pool; each `scale` in it, and each that FFmpeg puts in where a
//! filter or encoder cannot take the pixels as they are, has one more of the same size
//! (libswscale/slice.c, since 5.0).

/// A picture on its way through filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) size: (u32, u32),
    /// Its pixel format; nothing where whatever comes next may choose.
    pub(crate) format: Option<String>,
    /// Scalers so far.
    pub(super) scalers: u32,
    /// The format before a scaler that has had nothing to do so far: it will, if another is wanted.
    idle: Option<String>,
}

/// Filters that turn what they are given into what the next one takes.
const CONVERTERS: &[&str] = &["scale", "zscale", "tonemap", "testsrc2", "v360", "colorspace"];
/// Filters that take no more than 8 bits, of those that are taken of people. Read off graphs of FFmpeg 5.1, of which
/// some were compared with 9.0's, as is the next list.
const EIGHT_BITS: &[&str] = &[
    "deband",
    "delogo",
    "drawbox",
    "drawgrid",
    "eq",
    "fieldmatch",
    "fspp",
    "gradfun",
    "kerndeint",
    "minterpolate",
    "mpdecimate",
    "nlmeans",
    "noise",
    "perspective",
    "pp7",
    "pullup",
    "removegrain",
    "repeatfields",
    "sab",
    "smartblur",
    "thumbnail",
    "vignette",
    "zoompan",
];
/// Filters that take neither of the formats that most video has.
const COLOURS: &[&str] = &[
    "chromakey",
    "colorbalance",
    "colorchannelmixer",
    "colorcontrast",
    "colorhold",
    "colorkey",
    "colorlevels",
    "colortemperature",
    "dctdnoiz",
    "despill",
    "elbg",
    "epx",
    "exposure",
    "grayworld",
    "greyedge",
    "histeq",
    "hqx",
    "hsvkey",
    "huesaturation",
    "lumakey",
    "lutrgb",
    "normalize",
    "photosensitivity",
    "rgbashift",
    "selectivecolor",
    "shuffleplanes",
    "super2xsai",
    "vibrance",
    "xbr",
];
/// What filters of palettes work on: red, green and blue with transparency.
const RGB: &[&str] = &["bgra", "rgb32"];

impl Picture {
    pub(super) fn new(size: (u32, u32), format: &str) -> Self {
        Self {
            size,
            format: (!format.is_empty()).then(|| format.to_owned()),
            scalers: 0,
            idle: None,
        }
    }

    /// Sends it through `graph`.
    pub(super) fn through(&mut self, graph: &str) {
        for filter in graph.split([',', ';']) {
            let filter = unlabelled(filter);
            let (name, options) = filter.split_once('=').unwrap_or((filter, ""));
            let name = name.split(['@', '[']).next().unwrap_or_default().trim();
            let options = options.split('[').next().unwrap_or_default();
            self.one(name, options);
        }
    }

    fn one(&mut self, name: &str, options: &str) {
        match name {
            "scale" => {
                let size = sizes(options, self.size);
                // With nothing to do it does nothing; what an expression comes to is not known.
                let more = ["range=", "matrix=", "(", "iw", "ih"];
                if size != self.size || more.iter().any(|word| options.contains(word)) {
                    self.scalers += 1;
                    self.idle = None;
                } else if self.format.is_some() {
                    self.idle = self.format.take();
                }
                self.size = size;
            }
            "zscale" | "pad" | "crop" => self.size = sizes(options, self.size),
            "transpose" => {
                self.size = (self.size.1, self.size.0);
                // Half the colours one way would be half of them the other way.
                if self.is("422") || self.is("440") || self.is("411") {
                    self.becomes(&["yuv444p"]);
                }
            }
            // A branch for the palette: where pixels were settled before the branches part, each has a scaler of its
            // own. A scaler that may choose gives both what they want.
            "palettegen" => {
                let settled = self.format.clone();
                self.becomes(RGB);
                if settled.is_some() {
                    self.format = settled;
                }
            }
            "paletteuse" => {
                self.becomes(RGB);
                self.format = Some("pal8".to_owned());
            }
            _ if EIGHT_BITS.contains(&name) && self.is("p1") => self.becomes(&["yuv420p"]),
            _ if COLOURS.contains(&name) => self.becomes(&["gbrp"]),
            "format" => {
                let wanted = options.strip_prefix("pix_fmts=").unwrap_or(options);
                self.becomes(&wanted.split('|').collect::<Vec<_>>());
            }
            _ => {}
        }
        if CONVERTERS.contains(&name) {
            self.format = None;
        }
    }

    /// Whether its format's name has this in it.
    fn is(&self, part: &str) -> bool {
        self.format.as_deref().is_some_and(|format| format.contains(part))
    }

    /// It has to have one of these formats from here on.
    pub(super) fn becomes(&mut self, formats: &[&str]) {
        let Some(first) = formats.first() else { return };
        let idle = self.idle.take();
        if let Some(has) = self.format.as_ref().or(idle.as_ref())
            && !formats.contains(&has.as_str())
        {
            self.scalers += 1;
        }
        let keeps = self.format.as_deref().is_some_and(|has| formats.contains(&has));
        if !keeps {
            self.format = Some((*first).to_owned());
        }
    }
}

/// A filter without the labels before it.
fn unlabelled(filter: &str) -> &str {
    let mut filter = filter.trim();
    while let Some((_, rest)) = filter.strip_prefix('[').and_then(|label| label.split_once(']')) {
        filter = rest.trim_start();
    }
    filter
}

/// The size that `scale`, `zscale`, `pad` or `crop` name, where they name it in numbers.
fn sizes(options: &str, (width, height): (u32, u32)) -> (u32, u32) {
    let mut places = [None, None];
    for (place, option) in options.split(':').enumerate() {
        match option.split_once('=') {
            Some(("w" | "width" | "out_w", value)) => places[0] = Some(value),
            Some(("h" | "height" | "out_h", value)) => places[1] = Some(value),
            Some(_) => {}
            None if place < 2 => places[place] = Some(option),
            None => {}
        }
    }
    let number = |place: Option<&str>| place.and_then(|text| text.parse::<i64>().ok());
    let share = |size: u32, of: u32, by: u32| {
        u32::try_from(u64::from(size) * u64::from(of) / u64::from(by.max(1))).unwrap_or(u32::MAX)
    };
    let plain = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
    match (number(places[0]), number(places[1])) {
        (Some(wide), Some(high)) if wide < 0 => {
            let high = plain(Some(high)).unwrap_or(height);
            (share(width, high, height), high)
        }
        (Some(wide), Some(high)) if high < 0 => {
            let wide = plain(Some(wide)).unwrap_or(width);
            (wide, share(height, wide, width))
        }
        (wide, high) => (plain(wide).unwrap_or(width), plain(high).unwrap_or(height)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(graph: &str) -> Picture {
        let mut picture = Picture::new((1_280, 720), "yuv420p");
        picture.through(graph);
        picture
    }

    #[test]
    fn scalers_are_counted_and_sizes_followed() {
        let picture =
            through("fps=30,scale=640:360:flags=bicubic,pad=640:480:0:60,setsar=1,format=yuv420p");
        assert_eq!((picture.scalers, picture.size), (1, (640, 480)));
        assert_eq!(through("scale=-2:360").size, (640, 360));
        assert_eq!(through("scale=1280:720").scalers, 0, "nothing is to be done");
        assert_eq!(through("scale=w=320:h=-1,scale=64:64").scalers, 2);
    }

    #[test]
    fn scaler_with_nothing_to_do_converts_if_that_is_wanted() {
        let deep = |graph| {
            let mut picture = Picture::new((320, 180), "yuv420p10le");
            picture.through(graph);
            picture.scalers
        };
        assert_eq!(deep("boxblur=2:1,scale=320:180,format=yuv420p"), 1);
        assert_eq!(deep("boxblur=2:1,scale=320:180,format=yuv420p10le"), 0);
        assert_eq!(deep("drawbox=x=1,scale=854:480,scale=320:180,format=yuv420p"), 3);
        assert_eq!(deep("hue,unsharp"), 0);
        assert_eq!(through("drawbox=x=1").scalers, 0);
        assert_eq!(through("colorbalance,vibrance,format=yuv420p").scalers, 2);
    }

    #[test]
    fn palette_and_picture_are_converted_apart_unless_a_scaler_gives_both() {
        let gif = |before: &str| {
            let rest = "split[a][b];[a]palettegen=stats_mode=diff[p];[b][p]paletteuse=dither=bayer";
            let mut picture = through(&format!("fps=12,{before}setsar=1,{rest}"));
            picture.becomes(&["rgb8", "bgr8", "pal8", "gray"]);
            (picture.scalers, picture.size)
        };
        assert_eq!(gif(""), (2, (1_280, 720)));
        assert_eq!(gif("scale=480:270:flags=bicubic,"), (1, (480, 270)));
        assert_eq!(
            gif("scale=1280:720,"),
            (1, (1_280, 720)),
            "it converts, though it need not scale"
        );
        assert_eq!(gif("scale=480:270,format=yuv420p,"), (3, (480, 270)));
        let bare = through("split[a][b];[a]palettegen[p];[b][p]paletteuse[c];[c]hflip");
        assert_eq!(bare.scalers, 2);
    }

    #[test]
    fn formats_that_do_not_fit_are_converted() {
        assert_eq!(through("format=rgb24").scalers, 1);
        assert_eq!(
            through("scale=64:64,format=rgb24").scalers,
            1,
            "the scaler that is there does it"
        );
        assert_eq!(through("format=yuv420p|nv12").scalers, 0);
    }
}
