//! The options of the filters that are let through, as a real FFmpeg lists them: none of them names
//! a file. A release that adds one fails here, and not at a customer's.

use ffleet_engine::raw;
use ffleet_testkit::need;

use crate::fixture::run;

/// Text options that name no file: expressions, sizes, colors, lists, layouts. Each was looked up.
const REVIEWED: &str = "\
    w width h height flags in_color_matrix out_color_matrix size s out_w out_h x y angle a ow oh \
    fillcolor c sar ratio r dar fps expr e pix_fmts x0 y0 x1 y1 x2 y2 x3 y3 in_forder out_forder \
    in_frot out_frot rorder mapping tb pattern zoom z d weights c0_expr c1_expr c2_expr c3_expr \
    all_expr contrast brightness saturation gamma gamma_r gamma_g gamma_b gamma_weight H b c0 c1 \
    c2 c3 reds yellows greens cyans blues magentas whites neutrals blacks u v g luma_radius lr \
    chroma_radius cr alpha_radius ar 0m 1m 2m 3m color thickness t box_source f sample_fmts \
    sample_rates channel_layouts cl delays channels volume decays band_noise bn params colors \
    attacks points args speeds depths chl_out chl_in map channel_layout";

/// A text option of a filter.
struct Text<'a> {
    name: &'a str,
    /// From 1, as it is given without its name.
    place: usize,
}

/// The text options in FFmpeg's `help` on a filter.
fn texts(help: &str) -> Vec<Text<'_>> {
    let (mut texts, mut place, mut before) = (Vec::new(), 0, "");
    for line in help.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, kind, _, ..] = words[..] else { continue };
        if !kind.starts_with('<') {
            continue;
        }
        // Two names of one option share their place, and their description.
        let about = line.split_once('>').map_or("", |(_, about)| about.trim());
        place += usize::from(about != before);
        before = about;
        if matches!(kind, "<string>" | "<binary>") {
            texts.push(Text { name, place });
        }
    }
    texts
}

fn is_taken(graph: &str) -> bool {
    raw::check(&["-vf".to_owned(), graph.to_owned()]).is_ok()
}

#[test]
fn no_filter_option_that_names_a_file_can_be_reached() {
    let Some(_ffmpeg) = need::ffmpeg() else { return };
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for filter in raw::filters() {
        let help = run("ffmpeg", &["-hide_banner", "-h", &format!("filter={filter}")]);
        for Text { name, place } in texts(&help) {
            seen += 1;
            let is_named = is_taken(&format!("{filter}={name}=1"));
            if is_named && !REVIEWED.split_whitespace().any(|reviewed| reviewed == name) {
                wrong.push(format!("{filter}={name} is taken, and was not reviewed"));
            }
            if !is_named && is_taken(&format!("{filter}={}", vec!["1"; place].join(":"))) {
                wrong.push(format!("{filter}={name} is refused, but taken as option {place}"));
            }
        }
    }
    assert!(
        seen > 100,
        "only {seen} options were seen: the help of FFmpeg is not understood"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn places_count_every_option_once() {
    let help = "x AVOptions:\n  mode <int> ..F.. the mode\n    one 1 ..F..\n  w <string> ..F.. Width\n  \
                width <string> ..F.. Width\n  file <string> ..F.. A file\n";
    let found: Vec<_> = texts(help).iter().map(|text| (text.name, text.place)).collect();
    assert_eq!(found, [("w", 2), ("width", 2), ("file", 3)]);
}
