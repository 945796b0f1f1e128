//! What a job wants of an engine, as far as its text says so before the input is known.
//!
//! Only what it wants whatever the input holds: a job for which this is missing everywhere could
//! never run. What depends on the input (its decoders, whether there is sound to encode) is for the
//! plan on the node.

use ffleet_media::codec::Container;
use ffleet_media::job::Make;
use ffleet_media::recipe::{Audio, Recipe, Video};
use ffleet_media::{Spec, Target};
use ffleet_types::node::Demand;

use crate::capability::SAMPLES;
use crate::plan::{container, encoders};
use crate::raw;

/// What `spec` cannot do without, each once.
#[must_use]
pub fn demands(spec: &Spec) -> Vec<Demand> {
    let mut demands = Vec::new();
    for output in &spec.outputs {
        let of = match &output.make {
            Make::Recipe { recipe, .. } => of_recipe(recipe, &output.target),
            Make::Raw { args } => of_raw(args, &output.target),
        };
        for demand in of {
            if !demands.contains(&demand) {
                demands.push(demand);
            }
        }
    }
    demands
}

fn of_recipe(recipe: &Recipe, target: &Target) -> Vec<Demand> {
    let mut demands = of_tracks(recipe, target);
    // What cannot be chosen is refused where it is planned.
    demands.extend(container::choose(recipe, target).ok().map(of_container));
    demands
}

fn of_container(container: Container) -> Demand {
    Demand::Muxer(container::muxer(container).to_owned())
}

fn of_tracks(recipe: &Recipe, target: &Target) -> Vec<Demand> {
    let proven = |names: &[&str]| Demand::proven(names.iter().copied());
    match (&recipe.video, &recipe.audio) {
        (Video::Encode(wanted), _) => vec![proven(encoders::of_video(wanted.codec))],
        (Video::Thumbnail(_), _) => match target {
            Target::File(path) => vec![proven(&[match Container::of_path(path) {
                Some(Container::Png) => "png",
                Some(Container::Webp) => "libwebp",
                _ => "mjpeg",
            }])],
            Target::Live(_) => Vec::new(),
        },
        (Video::Gif(_), _) => vec![
            proven(&["gif"]),
            Demand::Filter("palettegen".to_owned()),
            Demand::Filter("paletteuse".to_owned()),
        ],
        (Video::Drop, Audio::Encode(wanted)) => vec![proven(encoders::of_audio(wanted.codec))],
        (Video::Copy | Video::Drop, _) => Vec::new(),
    }
}

/// Of options that cannot be taken nothing is said: they are refused.
fn of_raw(args: &[String], target: &Target) -> Vec<Demand> {
    let Ok(checked) = raw::check(args) else {
        return Vec::new();
    };
    let encoders = checked.encoders.into_iter().map(|name| {
        // What recipes use was put to the test; of the rest it is known what the build lists.
        match SAMPLES.iter().any(|sample| sample.encoder == name) {
            true => Demand::proven([name.as_str()]),
            false => Demand::Listed(name),
        }
    });
    encoders
        .chain(checked.filters.into_iter().map(Demand::Filter))
        .chain(match checked.format {
            Some(name) => Some(Demand::Muxer(name)),
            None => container::of_target(target).map(of_container),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ffleet_media::preset::builtin;

    use super::*;

    fn of(target: &str, make: Make) -> Vec<Demand> {
        let text = r#"{"input":"test:720p30","outputs":[]}"#;
        let mut spec: Spec = serde_json::from_str(text).unwrap();
        let output = ffleet_media::job::Output { target: target.parse().unwrap(), make };
        spec.outputs = vec![output.clone(), output];
        demands(&spec)
    }

    fn preset(name: &str, target: &str) -> Vec<Demand> {
        of(target, Make::Recipe { preset: None, recipe: builtin(name).unwrap() })
    }

    fn muxer(name: &str) -> Demand {
        Demand::Muxer(name.to_owned())
    }

    fn raw(text: &str) -> Vec<Demand> {
        of("/x.mkv", Make::Raw { args: text.split(' ').map(str::to_owned).collect() })
    }

    #[test]
    fn presets_want_what_they_encode_with_whatever_the_input() {
        assert_eq!(preset("720p-h265", "/x.mp4"), [Demand::proven(["libx265"]), muxer("mp4")]);
        assert_eq!(
            preset("720p-av1", "/x.mkv"),
            [Demand::proven(["libsvtav1", "libaom-av1"]), muxer("matroska")]
        );
        assert_eq!(preset("opus-96k", "/x.opus"), [Demand::proven(["libopus"]), muxer("opus")]);
        assert_eq!(
            preset("thumbnail", "/x.webp"),
            [Demand::proven(["libwebp"]), muxer("image2pipe")]
        );
        assert_eq!(preset("gif", "/x.gif").len(), 4);
        assert_eq!(preset("copy", "/x.mp4"), [muxer("mp4")]);
        assert_eq!(preset("copy", "rtmp://a.example/live/key"), [muxer("flv")]);
        assert_eq!(preset("copy", "/x.avi"), [], "what recipes do not write is refused elsewhere");
    }

    #[test]
    fn options_want_the_picture_encoders_and_filters_they_name() {
        let mkv = || muxer("matroska");
        assert_eq!(raw("-c:v libx264 -c:a nonesuch"), [Demand::proven(["libx264"]), mkv()]);
        assert_eq!(raw("-vcodec mpeg2video"), [Demand::Listed("mpeg2video".to_owned()), mkv()]);
        assert_eq!(raw("-c copy"), [mkv()]);
        assert_eq!(raw("-c copy -f mxf"), [muxer("mxf")]);
        assert_eq!(
            raw("-vf scale=1:2,hflip@x"),
            [Demand::Filter("scale".to_owned()), Demand::Filter("hflip".to_owned()), mkv()]
        );
    }
}
